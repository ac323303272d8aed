import { describe, expect, it } from 'vitest';
import { scrapeDeadline } from '../../src/metrics/scrape-deadline.ts';

describe('the time that a scrape has', () => {
  it.each([
    ['10', { sources: 9_500, client: 10_000 }],
    ['0.5', { sources: 400, client: 500 }],
    ['.5', { sources: 400, client: 500 }],
    ['0.1', { sources: 50, client: 100 }],
    ['100000', { sources: 114_000, client: 120_000 }],
  ])('%s s: a margin of 5 %%, at least 100 ms', (header, expected) => {
    expect(scrapeDeadline(header)).toEqual(expected);
  });

  it.each([undefined, '', '0', '-1', 'NaN', 'ten', '1e9', '1, 2'])('%s: ten seconds', (header) => {
    expect(scrapeDeadline(header)).toEqual({ sources: 10_000, client: 30_000 });
  });
});
