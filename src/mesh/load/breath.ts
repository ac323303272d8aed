import { setImmediate } from 'node:timers/promises';

/** How long probes and scrapes may wait for a large mesh. */
const WORK_MS = 20;

/** For long work in the process that answers probes: to be called between two pieces of it, lets others in now and then. */
export function takeBreaths(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last < WORK_MS) return;
    await setImmediate();
    last = performance.now();
  };
}
