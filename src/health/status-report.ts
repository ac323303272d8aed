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
  /** The start or restart that is under way. */
  readonly attempt?: AttemptReport | undefined;
  /** The last restarts and recoveries from a crash, newest first. */
  readonly restarts: readonly RestartReport[];
  /** With `--meshDir`. */
  readonly mesh?: MeshReport | undefined;
}

/** What became of the folder of `--meshDir`. */
export interface MeshReport {
  /** `broken`: its files have errors, and what they said before is in force. */
  readonly state: 'in force' | 'broken';
  readonly folder: string;
  /** When Envoy was given something else the last time. */
  readonly since: number;
  /** The Sidecar in force, `namespace/name (file:line)`; empty: the built-in default. */
  readonly sidecar: string;
  /** What this proxy has; undefined when that was written by an agent before this one. */
  readonly counts:
    | {
        readonly services: number;
        readonly endpoints: number;
        readonly listeners: number;
        readonly clusters: number;
        readonly routes: number;
      }
    | undefined;
  /** Each begins with `file:line`. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export interface EpochReport {
  /** Of this process; epoch numbers may come again. */
  readonly key: number;
  readonly epoch: number;
  readonly baseId?: number | undefined;
  readonly pid?: number | undefined;
  readonly phase: 'initializing' | 'serving' | 'draining' | 'drained' | 'leaving' | 'gone';
  /** When each phase began; a phase that was not reached is not there. */
  readonly since: Readonly<Partial<Record<EpochReport['phase'], number>>>;
  /** When its process was started, if that was before this agent: an agent before this one left it serving. */
  readonly startedAt?: number | undefined;
  /** Names the bootstrap it was started with. */
  readonly config: string;
  /** How it ended, when it is gone: `exit status 0`. */
  readonly exit?: string | undefined;
  /** Connections of its clients; undefined when it is gone or cannot be asked. */
  readonly connections?: number | undefined;
  readonly residentBytes?: number | undefined;
}

export interface AttemptReport {
  /** When its preparation began. */
  readonly at: number;
  /** Empty for the first start. */
  readonly triggers: readonly string[];
  /** The epoch that is to come of it. */
  readonly epoch: number;
  /**
   * `preparing`: the bootstrap is derived and checked. `waiting`: an older epoch has to leave first. `starting`: until it is LIVE.
   * `undoing`: it has failed, and what it left behind is put right.
   */
  readonly step: 'preparing' | 'waiting' | 'starting' | 'undoing';
}

export interface RestartReport {
  /** When it began: with its trigger, or when its turn came if another was under way. */
  readonly at: number;
  /** Until the outcome. */
  readonly durationMs: number;
  /** What asked for it; `Envoy ended: signal SIGSEGV` for a recovery. */
  readonly triggers: readonly string[];
  /** The epoch that came of it, or was to. */
  readonly epoch: number | undefined;
  readonly outcome: 'live' | 'unchanged' | 'rejected' | 'failed' | 'refused';
  /** Empty when it went well. */
  readonly reason: string;
}
