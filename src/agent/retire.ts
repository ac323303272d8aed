/** The end of an Envoy that one of another base id, beside it, has replaced: no child will tell it to drain, or to leave. */
import { setTimeout as delay } from 'node:timers/promises';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import type { EnvoyProcess } from '../envoy/process.ts';
import { type Millis, millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { type EnvoyIdentity, isThere } from './live.ts';

export interface Retiring {
  readonly envoy: EnvoyProcess;
  readonly admin: EnvoyAdmin;
  readonly identity: EnvoyIdentity;
  /** How long its clients may take, when it has closed its listeners for them. */
  readonly longest: Millis;
  /** Settles when this process has no client any more. */
  readonly untilIdle: (pid: number, signal: AbortSignal) => Promise<boolean>;
  /** Where this process listens; undefined when that cannot be told. */
  readonly portsOf: (pid: number) => Promise<ReadonlySet<number> | undefined>;
  readonly log: Logger;
}

/**
 * First its listeners close, so that new clients are the other Envoy's, and then its clients are told to go: the other way round they
 * would come back to listeners that are just being closed. At once, for one whose parent died early stops answering its admin when
 * it wants to speak to that.
 */
const CLOSE = '/drain_listeners';
const TELL_CLIENTS = '/drain_listeners?graceful&skip_exit';
/** Each worker of Envoy closes its sockets in its own time, after the answer. */
const CLOSING: Millis = millis(1_000);
const LOOK_MS = 10;
const CALL_DEADLINE = millis(1_000);
/** How long it is asked to close its listeners, and keeps what it has when it does not: it may hang, or its admin be closed. */
const BLIND_DRAIN = millis(5_000);
const ASK_AGAIN_MS = 200;
/** How long it may take to leave when no client is left. */
const LEAVE_MS = 2_000;

/** Ends it when its clients have gone, or their time is over. Never rejects. */
export async function retire(retiring: Retiring, signal: AbortSignal): Promise<void> {
  const { envoy, longest, untilIdle } = retiring;
  const gone = new AbortController();
  void envoy.exited.then(() => gone.abort());
  const within = (time: Millis) => AbortSignal.any([signal, gone.signal, AbortSignal.timeout(time)]);
  const blind = within(BLIND_DRAIN);
  const limit = (await closesListeners(retiring, blind)) ? within(longest) : blind;
  const idle = envoy.pid !== undefined && (await untilIdle(envoy.pid, limit));
  if (!idle) await aborted(limit);
  envoy.signal('SIGTERM');
  // It has nothing left to finish. One whose parent died early would try to reach that for ten seconds, and abort.
  const late = setTimeout(() => envoy.signal('SIGKILL'), LEAVE_MS);
  await envoy.exited;
  clearTimeout(late);
}

async function closesListeners(retiring: Retiring, signal: AbortSignal): Promise<boolean> {
  const { admin, identity, log } = retiring;
  for (let asked = 0; !signal.aborted; asked += 1) {
    try {
      if (!(await isThere(admin, identity, signal))) throw new Error('its admin is closed');
      await post(admin, CLOSE, signal);
      await untilClosed(retiring, signal);
      await post(admin, TELL_CLIENTS, signal);
      return true;
    } catch (thrown) {
      if (asked === 0 && !signal.aborted) {
        log.warn(`The Envoy that was replaced does not close its listeners: ${toError(thrown).message}`);
      }
    }
    await delay(ASK_AGAIN_MS, undefined, { signal }).catch(() => {});
  }
  return false;
}

async function post(admin: EnvoyAdmin, path: string, signal: AbortSignal): Promise<void> {
  const { status, body } = await admin.post(path, CALL_DEADLINE, signal);
  if (status !== 200) throw new Error(`POST ${path}: status ${status}: ${body.trim()}`);
}

async function untilClosed({ envoy, admin, portsOf }: Retiring, signal: AbortSignal): Promise<void> {
  const end = performance.now() + CLOSING;
  while (envoy.pid !== undefined && !signal.aborted && performance.now() < end) {
    const ports = await portsOf(envoy.pid);
    if (ports !== undefined && [...ports].every((port) => port === admin.port)) return;
    await delay(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
