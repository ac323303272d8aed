import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatTime,
  known,
} from '../../../src/health/view/format.ts';

describe('formatDuration', () => {
  it.each([
    [0, '0 ms'],
    [312.4, '312 ms'],
    [1_000, '1.0 s'],
    [4_240, '4.2 s'],
    [9_949, '9.9 s'],
    [9_960, '9 s'],
    [59_999, '59 s'],
    [134_000, '2 m 14 s'],
  ])('%d is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('formatAge', () => {
  it.each([
    [-5_000, '0 s'],
    [14_900, '14 s'],
    [60_000, '1 m 0 s'],
    [11_100_000, '3 h 5 m'],
    [356_400_000, '4 d 3 h'],
  ])('%d is %s', (ms, text) => expect(formatAge(ms)).toBe(text));
});

it('formatBytes', () => {
  expect([2 ** 19, 41.2 * 2 ** 20, 1.5 * 2 ** 30].map(formatBytes)).toEqual([
    '0.5 MiB',
    '41.2 MiB',
    '1.5 GiB',
  ]);
});

it('formatTime is the time where the reader is, with the date on another day', () => {
  const at = new Date(2026, 10, 9, 4, 3, 2).getTime();
  expect(formatTime(at, at + 60_000)).toBe('04:03:02');
  expect(formatTime(at, at + 86_400_000)).toBe('2026-11-09 04:03:02');
});

it('what is not known is a dash', () => {
  expect([known(undefined), known(0), known(7, formatBytes)]).toEqual(['–', '0', '0.0 MiB']);
});
