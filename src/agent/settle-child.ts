import { setTimeout as delay } from 'node:timers/promises';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import { signalProcess } from '../envoy/adopted-process.ts';
import { freeHotRestartFlag } from '../envoy/hot-restart-flag.ts';
import { millis } from '../platform/duration.ts';
import { isSameProcess, isStopped } from '../platform/processes.ts';
import type { FoundEnvoy } from './found-envoys.ts';
import { isLive } from './live.ts';
import { untilGone } from './strays.ts';

/** `live`: it has the listeners, and its parent drains. `ended`: it was not LIVE yet, and its parent serves. */
export type Settled = 'live' | 'ended';

const ADMIN_DEADLINE = millis(1_000);
const KILL_DEADLINE = millis(2_000);
const STOP_DEADLINE_MS = 1_000;
const STOP_POLL_MS = 5;
/** Longer than Envoy takes from its start to the flag, on a machine that is busy. */
const YOUNG_MS = 3_000;
const PAUSE_MS = 50;

/**
 * Finds out what became of a child that was initializing when its agent died, and ends it unless it is LIVE: by SIGKILL, for
 * with SIGTERM its parent would go too (envoy-hot-restart.md, trap 3). The flag that it would leave set is freed (trap 1).
 *
 * A child may become LIVE between the question and the SIGKILL, and its parent has no listeners then. So it is stopped before
 * the flag "initializing" is read, which Envoy clears in the moment when it takes the listeners over.
 */
export async function settleChild(child: FoundEnvoy, admin: EnvoyAdmin): Promise<Settled> {
  const { pid, startTime, baseId } = child;
  const end = performance.now() + YOUNG_MS;
  while (isSameProcess(pid, startTime)) {
    const answer = await admin.get('/server_info', ADMIN_DEADLINE).catch(() => undefined);
    if (answer?.status === 200 && isLive(answer.body, child)) return 'live';
    if (await stop(child)) {
      const flag = freeHotRestartFlag(baseId).kind;
      if (flag !== 'was-free') break;
      signalProcess(pid, startTime, 'SIGCONT');
      // Free: LIVE, though its admin does not say so, or so young that it has not set the flag yet.
      if (performance.now() >= end) return 'live';
    } else if (performance.now() >= end) {
      break;
    }
    await delay(PAUSE_MS);
  }
  signalProcess(pid, startTime, 'SIGKILL');
  await untilGone([child], KILL_DEADLINE);
  freeHotRestartFlag(baseId);
  return 'ended';
}

/** SIGSTOP takes effect a little later than it is sent. */
async function stop({ pid, startTime }: FoundEnvoy): Promise<boolean> {
  const end = performance.now() + STOP_DEADLINE_MS;
  signalProcess(pid, startTime, 'SIGSTOP');
  while (isSameProcess(pid, startTime) && performance.now() < end) {
    if (isStopped(pid)) return true;
    await delay(STOP_POLL_MS);
  }
  return false;
}
