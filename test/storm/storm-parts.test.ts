import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { excusesFor, judge } from './excuses.ts';
import { createPlan } from './plan.ts';
import { createRandom } from './random.ts';

const failure = (at: number) => ({ at, what: 'HTTP/1.1: socket hang up' });

const moves = (seed: number, count = 50) => {
  const next = createPlan(seed);
  return Array.from({ length: count }, () => next());
};

describe('the plan of a storm', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(moves(7)).toEqual(moves(7));
    expect(moves(7)).not.toEqual(moves(8));
  });

  it('has every kind of move in it', () => {
    const kinds = new Set(moves(1, 200).map(({ move }) => move.kind));
    expect(kinds.size).toBe(8);
  });
});

describe('the random numbers', () => {
  it('stay within what was asked for', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -9, max: 9 }), fc.nat(9), (seed, least, span) => {
        const random = createRandom(seed);
        for (let count = 0; count < 20; count += 1) {
          const number = random.between(least, least + span);
          expect(number).toBeGreaterThanOrEqual(least);
          expect(number).toBeLessThanOrEqual(least + span);
        }
      }),
    );
  });

  it('pick in proportion to the weights', () => {
    const random = createRandom(3);
    const picked = Array.from({ length: 4_000 }, () =>
      random.pick([
        [1, 'a'],
        [3, 'b'],
      ]),
    );
    expect(picked.filter((each) => each === 'b').length / 4_000).toBeCloseTo(0.75, 1);
  });
});

describe('a failure', () => {
  const takeovers = [
    { at: 1_000, overlap: false },
    { at: 20_000, overlap: true },
  ];
  const unexcused = (deeds: Parameters<typeof excusesFor>[0], at: number, lost = true) =>
    judge([failure(at)], excusesFor(deeds, takeovers), () => lost).unexcused.length;

  it.each([
    ['before the kill', 9_999, 1],
    ['before the next epoch is LIVE', 15_000, 0],
    ['long after that', 31_000, 1],
  ])('of the time without service is excused only within it: %s', (_when, at, expected) => {
    expect(unexcused([{ kind: 'kill-serving', at: 10_000 }], at, false)).toBe(expected);
  });

  it.each([
    ['at once', 10_100, 0],
    ['later', 11_000, 1],
  ])('of what a killed old epoch carried is excused %s: %d', (_when, at, expected) => {
    expect(unexcused([{ kind: 'kill-old', at: 10_000 }], at)).toBe(expected);
  });

  it.each([
    ['while it stands still', 10_900, 0],
    ['later', 11_500, 1],
  ])('of what a stopped epoch carried is excused %s', (_when, at, expected) => {
    expect(unexcused([{ kind: 'stop', at: 10_000, until: 11_000 }], at)).toBe(expected);
  });

  it.each([
    ['a new connection', true, 0],
    ['anything else', false, 1],
  ])('after an overlap is excused for %s only', (_what, lost, expected) => {
    expect(unexcused([], 21_000, lost)).toBe(expected);
  });

  it('is not excused by nothing', () => {
    expect(unexcused([], 1_000)).toBe(1);
  });
});
