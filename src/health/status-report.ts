import type { Readiness } from './readiness.ts';

/** What `GET /status` answers, `pilot-agent status` prints and the page at `/` draws. Times are milliseconds since 1970. */
export interface StatusReport {
  readonly version: string;
  readonly pid: number;
  readonly nodeId: string;
  readonly now: number;
  readonly startedAt: number;
  readonly lifecycle: 'running' | 'backing-off' | 'draining' | 'stopping' | 'ended';
  readonly readiness: Readiness;
  /** Living epochs and those that are gone not long since, oldest first. */
  readonly epochs: readonly EpochReport[];
  /** The last hot restarts, newest first. */
  readonly restarts: readonly RestartReport[];
}

export interface EpochReport {
  /** Of this process; epoch numbers may come again. */
  readonly key: number;
  readonly epoch: number;
  readonly baseId: number;
  readonly pid: number | undefined;
  readonly phase: 'initializing' | 'serving' | 'draining' | 'leaving' | 'gone';
  /** When each phase began; a phase that was not reached is not there. */
  readonly since: Readonly<Partial<Record<EpochReport['phase'], number>>>;
  /** Names the bootstrap it was started with. */
  readonly config: string;
  /** How it ended, when it is gone: `exit status 0`. */
  readonly exit?: string | undefined;
  /** Connections of its clients; undefined when it is gone or cannot be asked. */
  readonly connections?: number | undefined;
  readonly residentBytes?: number | undefined;
}

export interface RestartReport {
  readonly at: number;
  readonly durationMs: number;
  readonly triggers: readonly string[];
  readonly epoch: number | undefined;
  readonly outcome: 'live' | 'unchanged' | 'rejected' | 'failed' | 'refused';
  /** Empty when it went well. */
  readonly reason: string;
}
