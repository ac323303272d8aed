import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EpochReport } from '../../../src/health/status-report.ts';
import { PHASES, timelineOf } from '../../../src/health/view/timeline.ts';
import { busySidecar } from '../../support/status-report.ts';

const NOW = 1_800_000_000_000;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const epoch = (since: EpochReport['since'], phase: EpochReport['phase'] = 'serving'): EpochReport => ({
  key: 1,
  epoch: 0,
  phase,
  since,
  config: 'c',
});
const spanOf = (epochs: readonly EpochReport[]) => {
  const { from, to } = timelineOf({ epochs, now: NOW });
  return to - from;
};

describe('the axis', () => {
  it.each([
    ['a minute', 20 * SECOND, MINUTE, ['1 min', '45 s', '30 s', '15 s', 'now']],
    ['two minutes', MINUTE, 2 * MINUTE, ['2 min', '90 s', '1 min', '30 s', 'now']],
    ['five minutes', 3 * MINUTE, 5 * MINUTE, ['5 min', '4 min', '3 min', '2 min', '1 min', 'now']],
    ['ten minutes', 9.9 * MINUTE, 10 * MINUTE, ['10 min', '8 min', '6 min', '4 min', '2 min', 'now']],
    ['ten minutes at most', HOUR, 10 * MINUTE, ['10 min', '8 min', '6 min', '4 min', '2 min', 'now']],
  ])('spans %s', (_, ago, span, labels) => {
    const epochs = [epoch({ serving: NOW - HOUR }), epoch({ initializing: NOW - ago })];
    const { from, to, ticks } = timelineOf({ epochs, now: NOW });
    expect([from, to]).toEqual([NOW - span, NOW]);
    expect(ticks.map(({ label }) => label)).toEqual(labels);
    expect(ticks.map(({ at }) => at).sort()).toEqual(ticks.map(({ at }) => at));
  });

  it('does not shrink to what happened long ago', () => {
    expect(spanOf([epoch({ serving: NOW - HOUR })])).toBe(10 * MINUTE);
    expect(spanOf([])).toBe(10 * MINUTE);
  });
});

describe('a lane', () => {
  it('has each phase until the next, as much of it as is within the axis', () => {
    const since = {
      initializing: NOW - HOUR - 200,
      serving: NOW - HOUR,
      draining: NOW - 40 * SECOND,
      gone: NOW - 10,
    };
    const [lane] = timelineOf({ epochs: [epoch(since, 'gone')], now: NOW }).lanes;
    expect(lane?.segments).toEqual([
      { phase: 'serving', from: NOW - MINUTE, to: NOW - 40 * SECOND, cut: true },
      { phase: 'draining', from: NOW - 40 * SECOND, to: NOW - 10, cut: false },
      { phase: 'gone', from: NOW - 10, to: NOW, cut: false },
    ]);
  });

  it('is told in words', () => {
    expect(timelineOf(busySidecar(NOW)).lanes.map(({ summary }) => summary)).toEqual([
      'Epoch 0: initializing for 210 ms, then serving for 8 h 55 m, then gone for 4 m 20 s (signal SIGSEGV)',
      'Epoch 0: initializing for 190 ms, then serving for 1 m 38 s, then draining for 28 s, then drained for 32 s, then gone for 1 m 41 s (exit status 0)',
      'Epoch 1: initializing for 2.0 s, then serving for 2 m 9 s, then draining for 32 s',
      'Epoch 2: initializing for 1.4 s, then serving for 32 s',
    ]);
  });

  it('has no gap and no overlap, whatever happened, and ends now', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom(...PHASES), fc.nat(HOUR)), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(steps, (moves) => {
        const times = moves.map(([, ago]) => NOW - ago).sort((a, b) => a - b);
        const phases = PHASES.filter((phase) => moves.some(([moved]) => moved === phase));
        const since = Object.fromEntries(phases.map((phase, i) => [phase, times[i]]));
        const [lane] = timelineOf({ epochs: [epoch(since)], now: NOW }).lanes;
        const segments = lane?.segments ?? [];
        expect(segments.at(-1)?.to).toBe(NOW);
        for (const [i, { from, to }] of segments.entries()) {
          expect(from).toBeLessThanOrEqual(to);
          if (i > 0) expect(from).toBe(segments[i - 1]?.to);
        }
      }),
    );
  });
});
