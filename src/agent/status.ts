import { cachedProbe } from '../health/cached-probe.ts';
import type { Readiness } from '../health/readiness.ts';
import type { MeshReport, StatusReport } from '../health/status-report.ts';
import { buildInfo } from '../platform/build-info.ts';
import { millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import { type CountedPorts, clientConnections, residentBytes } from '../platform/process-usage.ts';
import { emptyHistory, type Happening, type ProcessFacts, record, report } from './history.ts';

/** What is known of an epoch's process when it is started or adopted. */
export type ProcessIdentity = Pick<ProcessFacts, 'pid' | 'baseId' | 'startedAt'>;

export interface StatusRecorder {
  /** To be called with each step of the supervisor, before its effects are carried out. */
  observe(happening: Omit<Happening, 'at'>): void;
  /** To be called when the process of an epoch is there. */
  identify(key: number, identity: ProcessIdentity): void;
  report(): Promise<StatusReport>;
}

export interface StatusRecorderOptions {
  readonly nodeId: string;
  readonly readiness: () => Promise<Readiness>;
  readonly counted?: CountedPorts;
  readonly mesh?: (() => MeshReport) | undefined;
}

/** Looking into /proc costs a few milliseconds: however many watch, they share an answer. */
const MAX_AGE = millis(250);

/** Remembers what the supervisor does, and makes the report that `GET /status` answers. */
export function createStatusRecorder({
  nodeId,
  readiness,
  counted,
  mesh,
}: StatusRecorderOptions): StatusRecorder {
  const startedAt = Date.now();
  const identities = new Map<number, ProcessIdentity>();
  let history = emptyHistory;

  const ask = async (): Promise<StatusReport> => {
    const [ready, ...processes] = await Promise.all([
      readiness().catch((thrown: unknown): Readiness => ({ ready: false, reason: toError(thrown).message })),
      ...history.epochs.map(async ({ key, phase }) => {
        const identity = identities.get(key);
        return [key, { ...identity, ...(phase === 'gone' ? {} : await usageOf(identity?.pid)) }] as const;
      }),
    ]);
    const told = report(history, {
      version: buildInfo.version,
      pid: process.pid,
      nodeId,
      now: Date.now(),
      startedAt,
      readiness: ready,
      processes: new Map(processes),
    });
    return mesh === undefined ? told : { ...told, mesh: mesh() };
  };

  const usageOf = async (pid: number | undefined) => {
    if (pid === undefined) return {};
    const [connections, bytes] = await Promise.all([clientConnections(pid, counted), residentBytes(pid)]);
    return { connections, residentBytes: bytes };
  };

  return {
    observe: (happening) => {
      history = record(history, { at: Date.now(), ...happening });
      for (const key of identities.keys()) {
        if (!history.epochs.some((epoch) => epoch.key === key)) identities.delete(key);
      }
    },
    identify: (key, identity) => void identities.set(key, identity),
    report: cachedProbe(ask, MAX_AGE, () => performance.now()),
  };
}
