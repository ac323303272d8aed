import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits for a condition, asking again every 20 ms; the only way a test waits.
 * @throws after `deadlineMs`, with what was waited for and the last error
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = 15_000,
): Promise<T> {
  const end = Date.now() + deadlineMs;
  let last: unknown;
  while (Date.now() < end) {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await delay(20);
  }
  throw new Error(`waited ${deadlineMs} ms in vain until ${what}`, { cause: last });
}
