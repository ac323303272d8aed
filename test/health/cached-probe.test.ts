import { describe, expect, it } from 'vitest';
import { cachedProbe } from '../../src/health/cached-probe.ts';
import { millis } from '../../src/platform/duration.ts';

/** A question whose answers the test gives, and a clock that it moves. */
function setUp(maxAge: Parameters<typeof cachedProbe<number>>[1] = millis(100)) {
  const pending: { answer(value: number): void; fail(error: Error): void }[] = [];
  let time = 0;
  const probe = cachedProbe(
    () => new Promise<number>((answer, fail) => pending.push({ answer, fail })),
    maxAge,
    () => time,
  );
  return {
    probe,
    pending,
    advance: (by: number) => {
      time += by;
    },
  };
}

describe('cachedProbe', () => {
  it('asks once for all who wait', async () => {
    const { probe, pending } = setUp();
    const waiting = Array.from({ length: 500 }, () => probe());
    expect(pending).toHaveLength(1);
    pending[0]?.answer(7);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([7]));
  });

  it('gives an answer again for less than its time, from when it arrived', async () => {
    const { probe, pending, advance } = setUp();
    const first = probe();
    advance(5_000);
    pending[0]?.answer(1);
    await first;
    advance(99);
    expect(await probe()).toBe(1);
    advance(1);
    const second = probe();
    expect(pending).toHaveLength(2);
    pending[1]?.answer(2);
    expect(await second).toBe(2);
  });

  it('keeps an answer as long as that answer may be kept', async () => {
    const { probe, pending, advance } = setUp((answer) => millis(answer));
    const [first] = [probe(), pending[0]?.answer(10)];
    await first;
    advance(9);
    expect(await probe()).toBe(10);
    advance(1);
    const second = probe();
    pending[1]?.answer(50);
    await second;
    advance(49);
    expect(await probe()).toBe(50);
  });

  it('tells all who wait of a failure, and asks again', async () => {
    const { probe, pending } = setUp();
    const waiting = [probe(), probe()];
    pending[0]?.fail(new Error('no'));
    for (const each of waiting) await expect(each).rejects.toThrow('no');
    const again = probe();
    pending[1]?.answer(3);
    expect(await again).toBe(3);
  });
});
