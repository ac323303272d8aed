import { setTimeout as delay } from 'node:timers/promises';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import { type Millis, millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';

export interface DrainOptions {
  /** A sidecar's outbound listeners go on serving its application, which may still have work to finish. */
  readonly inboundOnly: boolean;
  /** No drain takes longer. */
  readonly longest: Millis;
  /** No drain is shorter, even without a connection: `MINIMUM_DRAIN_DURATION`. */
  readonly shortest: Millis;
  /** `--drain-time-s` of Envoy: afterwards it closes the listeners that drain, unless told not to. */
  readonly envoyDrainTime: Millis;
  /** Ports of Envoy's listeners whose connections do not count: probes of its health. */
  readonly ignoredPorts: readonly number[];
}

const CALL_DEADLINE = millis(1_000);
const POLL_MS = 100;
const CONNECTIONS_PATH = '/stats?filter=downstream_cx_active$';
/** Envoy that does not answer this many times in a row cannot be asked; the rest of the time is waited out. */
const MAX_ERRORS = 5;

/**
 * Tells Envoy's clients to go and waits until the last has, but no longer than `longest`. Answers with why it ended.
 * Never rejects: an Envoy that cannot be asked is given its time all the same.
 */
export async function drain(
  admin: EnvoyAdmin,
  options: DrainOptions,
  alreadyAsked: boolean,
  log: Logger,
  signal: AbortSignal,
): Promise<string> {
  const begun = performance.now();
  if (!alreadyAsked) await askToDrain(admin, options, options.longest >= options.envoyDrainTime, log, signal);
  return waitForConnections(admin, options, signal, begun);
}

/** The waiting part of `drain`, for an Envoy that drains already. */
export async function waitForConnections(
  admin: EnvoyAdmin,
  { longest, shortest, ignoredPorts }: DrainOptions,
  signal: AbortSignal,
  begun = performance.now(),
): Promise<string> {
  const elapsed = () => performance.now() - begun;
  let errors = 0;
  while (elapsed() < longest && !signal.aborted) {
    const active = await activeConnections(admin, ignoredPorts, signal).catch(() => undefined);
    errors = active === undefined ? errors + 1 : 0;
    if (active === 0 && elapsed() >= shortest) return 'no connection is left';
    const rest = longest - elapsed();
    const pause = errors >= MAX_ERRORS ? rest : Math.min(POLL_MS, rest);
    if (pause > 0) await delay(pause, undefined, { signal }).catch(() => {});
  }
  return `its ${longest} ms are over`;
}

/**
 * `POST drain_listeners`. A failure is logged and no more: the drain's time runs anyway.
 * @param keepListening new connections are welcome for as long as Envoy lives, not only for its drain time
 * @returns whether Envoy does as it was told
 */
export async function askToDrain(
  admin: EnvoyAdmin,
  { inboundOnly }: Pick<DrainOptions, 'inboundOnly'>,
  keepListening: boolean,
  log: Logger,
  signal?: AbortSignal,
): Promise<boolean> {
  const path = `/drain_listeners?${inboundOnly ? 'inboundonly&' : ''}graceful${keepListening ? '&skip_exit' : ''}`;
  try {
    const { status, body } = await admin.post(path, CALL_DEADLINE, signal);
    if (status === 200) return true;
    log.warn(`Envoy refused POST ${path}: status ${status}: ${body.trim()}`);
  } catch (thrown) {
    log.warn(`Envoy did not answer POST ${path}: ${toError(thrown).message}`);
  }
  return false;
}

async function activeConnections(
  admin: EnvoyAdmin,
  ignoredPorts: readonly number[],
  signal: AbortSignal,
): Promise<number> {
  const { status, body } = await admin.get(CONNECTIONS_PATH, CALL_DEADLINE, signal);
  if (status !== 200) throw new Error(`status ${status}`);
  return countConnections(body, ignoredPorts);
}

/**
 * Adds up the connections of Envoy's listeners from its statistics: not the admin's own, not per-worker doubles, not Envoy's
 * internal listeners (pilot-agent-1.30.md §5.4), and none of `ignoredPorts` in either address family.
 */
export function countConnections(stats: string, ignoredPorts: readonly number[]): number {
  let sum = 0;
  for (const line of stats.split('\n')) {
    const [, listener, value] = /^listener\.(.+)\.downstream_cx_active: (\d+)\s*$/.exec(line) ?? [];
    if (listener === undefined || value === undefined) continue;
    if (/^admin(\.|$)|^envoy_internal_|(^|\.)(worker_\d+|main_thread)$/.test(listener)) continue;
    if (ignoredPorts.some((port) => listener.endsWith(`_${port}`))) continue;
    sum += Number(value);
  }
  return sum;
}
