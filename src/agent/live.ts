import { setTimeout as delay } from 'node:timers/promises';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import { millis } from '../platform/duration.ts';

const CALL_DEADLINE = millis(1_000);
const FIRST_PAUSE_MS = 25;
const LONGEST_PAUSE_MS = 2_000;

/** `server.state` of an Envoy whose listeners serve. */
const LIVE = 0;

/**
 * Asks Envoy's admin until it says that it is LIVE: often at first, for Envoy takes a fifth of a second, then less and less,
 * for without a control plane it may take for ever.
 * @throws only when `signal` aborts
 */
export async function untilLive(admin: EnvoyAdmin, signal: AbortSignal): Promise<void> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.2, LONGEST_PAUSE_MS)) {
    const answer = await admin
      .get('/stats?filter=^server.state$', CALL_DEADLINE, signal)
      .catch(() => undefined);
    if (answer?.status === 200 && Number(/server\.state: (\d+)/.exec(answer.body)?.[1]) === LIVE) return;
    await delay(pause, undefined, { signal });
  }
}
