import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatGoDuration,
  formatProtoDuration,
  millis,
  parseGoDuration,
  seconds,
  toMillis,
} from '../../src/platform/duration.ts';

describe('parseGoDuration', () => {
  it.each([
    ['45s', 45_000],
    ['1m0s', 60_000],
    ['1h2m3.5s', 3_723_500],
    ['1.5h', 5_400_000],
    ['.5s', 500],
    ['1.s', 1_000],
    ['250ms', 250],
    ['1us', 1e-3],
    ['1µs', 1e-3],
    ['1μs', 1e-3],
    ['1ns', 1e-6],
    ['0', 0],
    ['-1m', -60_000],
    ['+1m', 60_000],
  ])('%s', (text, value) => expect(parseGoDuration(text)).toBeCloseTo(value, 9));

  it.each(['', '45', '1 s', 's', '.s', '1d', '1s ', '--1s', '1s2', 'x1s', '1e3s', '\n1s'])(
    'refuses %j',
    (text) => {
      expect(parseGoDuration(text)).toBeUndefined();
    },
  );
});

describe('formatGoDuration', () => {
  it.each([
    [0, '0s'],
    [45_000, '45s'],
    [60_000, '1m0s'],
    [3_600_000, '1h0m0s'],
    [1_500, '1.5s'],
    [250, '250ms'],
    [-1_500, '-1.5s'],
    [0.5, '500µs'],
    [1e-6, '1ns'],
  ])('%d ms', (value, text) => expect(formatGoDuration(millis(value))).toBe(text));

  it('is read back as the same duration', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1e12, max: 1e12 }), (value) => {
        expect(parseGoDuration(formatGoDuration(millis(value)))).toBe(value);
      }),
    );
  });
});

it('prints what protobuf reads', () => {
  expect([0, 1_500, 60_000, 1].map((value) => formatProtoDuration(millis(value)))).toEqual([
    '0s',
    '1.5s',
    '60s',
    '0.001s',
  ]);
});

it('makes milliseconds of seconds', () => expect(toMillis(seconds(45))).toBe(45_000));
