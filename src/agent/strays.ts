import { setTimeout as delay } from 'node:timers/promises';
import { signalProcess } from '../envoy/adopted-process.ts';
import type { Closable } from '../platform/closable.ts';
import { type Millis, millis } from '../platform/duration.ts';
import type { Logger } from '../platform/logger.ts';
import { isSameProcess } from '../platform/processes.ts';
import type { FoundEnvoy } from './found-envoys.ts';

/** An Envoy of an agent before this one that is not taken over. */
export interface Stray extends FoundEnvoy {
  readonly why: string;
}

const GRACE = millis(3_000);
const KILL_DEADLINE = millis(2_000);
const POLL_MS = 20;

/**
 * Ends Envoys, since they hold ports: SIGTERM, then SIGKILL for those that live after `grace`. The newest of a family goes first:
 * it tells its parent to leave, and would wait ten seconds for one that is gone (seen on 1.40). Not for a child whose parent is to
 * go on (envoy-hot-restart.md, trap 3): that is for `settleChild`.
 * @returns those that live even so; a process in an uninterruptible wait does
 */
export async function reapStrays(
  strays: readonly FoundEnvoy[],
  grace: Millis = GRACE,
): Promise<readonly FoundEnvoy[]> {
  const newest = strays.filter((one) =>
    strays.every(({ baseId, startTime }) => baseId !== one.baseId || startTime <= one.startTime),
  );
  const left = [...(await end(newest, grace)), ...strays.filter((stray) => !newest.includes(stray))];
  return end(left, grace);
}

async function end(envoys: readonly FoundEnvoy[], grace: Millis): Promise<readonly FoundEnvoy[]> {
  for (const { pid, startTime } of envoys) signalProcess(pid, startTime, 'SIGTERM');
  const stubborn = await untilGone(envoys, grace);
  for (const { pid, startTime } of stubborn) signalProcess(pid, startTime, 'SIGKILL');
  return untilGone(stubborn, KILL_DEADLINE);
}

/** Ends Envoys that only drain when their time is over, or at once when this is closed. */
export function reapStraysLater(strays: readonly Stray[], after: Millis, log: Logger): Closable {
  let ending: Promise<void> | undefined;
  const reap = () => {
    ending ??= reapStrays(strays).then((left) => {
      for (const { pid } of left) log.warn(`Envoy ${pid} of the agent before cannot be ended`);
    });
    return ending;
  };
  const timer = strays.length === 0 ? undefined : setTimeout(() => void reap(), after).unref();
  return {
    close: async () => {
      clearTimeout(timer);
      if (strays.length > 0) await reap();
    },
  };
}

/** @returns those that are still there when the time is over */
export async function untilGone<Each extends Pick<FoundEnvoy, 'pid' | 'startTime'>>(
  processes: readonly Each[],
  deadline: Millis,
): Promise<readonly Each[]> {
  const end = performance.now() + deadline;
  for (;;) {
    const left = processes.filter(({ pid, startTime }) => isSameProcess(pid, startTime));
    if (left.length === 0 || performance.now() >= end) return left;
    await delay(POLL_MS);
  }
}
