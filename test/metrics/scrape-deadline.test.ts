import { describe, expect, it } from 'vitest';
import { scrapeDeadline } from '../../src/metrics/scrape-deadline.ts';

describe('the time that a scrape has', () => {
  it.each([
    ['10', { sources: 9_000, client: 10_000 }],
    ['0.5', { sources: 300, client: 500 }],
    ['.5', { sources: 300, client: 500 }],
    ['3', { sources: 2_700, client: 3_000 }],
    ['0.1', { sources: 50, client: 100 }],
    ['100000', { sources: 119_000, client: 120_000 }],
  ])('%s s: a margin of 10 %%, at least 200 ms, at most 1 s', (header, expected) => {
    expect(scrapeDeadline(header)).toEqual(expected);
  });

  it.each([undefined, '', '0', '-1', 'NaN', 'ten', '1e9', '1, 2'])('%s: ten seconds', (header) => {
    expect(scrapeDeadline(header)).toEqual({ sources: 10_000, client: 30_000 });
  });
});
