import { setTimeout as delay } from 'node:timers/promises';
import { clientConnections } from '../platform/process-usage.ts';

const PAUSE_MS = 100;
/** A connection that is just being handed over must not be missed. */
const LOOKS = 2;

/**
 * Waits until a draining Envoy has no client connection left, by looking at its sockets: its admin is closed. It has given its
 * listeners away, so none comes after the last has gone.
 * @returns false when it cannot be told: the process is gone or another user's, or the time is over
 */
export async function untilIdle(pid: number, signal: AbortSignal): Promise<boolean> {
  for (let idle = 0; idle < LOOKS; ) {
    if (signal.aborted) return false;
    const connections = await clientConnections(pid);
    if (connections === undefined) return false;
    idle = connections === 0 ? idle + 1 : 0;
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
  return true;
}
