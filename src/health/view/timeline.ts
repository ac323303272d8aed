/** Epochs on a time axis, as plain data: the terminal draws it with blocks, the page with bars. */
import type { EpochReport, StatusReport } from '../status-report.ts';
import { formatAge, formatDuration } from './format.ts';

export type Phase = EpochReport['phase'];

/** In the order in which an epoch goes through them. */
export const PHASES: readonly Phase[] = ['initializing', 'serving', 'draining', 'drained', 'leaving', 'gone'];

export interface Timeline {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly Tick[];
  readonly lanes: readonly Lane[];
}

export interface Tick {
  readonly at: number;
  readonly label: string;
}

export interface Lane {
  readonly epoch: EpochReport;
  readonly segments: readonly Segment[];
  /** The whole lane in words, for who cannot see it. */
  readonly summary: string;
}

/** A phase, as much of it as is within the axis. */
export interface Segment {
  readonly phase: Phase;
  readonly from: number;
  readonly to: number;
  /** It began before the axis does. */
  readonly cut: boolean;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** What the axis may span, and how far apart its ticks are. */
const SPANS = [
  { span: MINUTE, step: 15 * SECOND },
  { span: 2 * MINUTE, step: 30 * SECOND },
  { span: 5 * MINUTE, step: MINUTE },
  { span: 10 * MINUTE, step: 2 * MINUTE },
] as const;
const LONGEST = SPANS[3];

/** Lays epochs out on an axis that ends now and is as short as what happened lately allows: ten minutes at most. */
export function timelineOf({ epochs, now }: Pick<StatusReport, 'epochs' | 'now'>): Timeline {
  const { span, step } = spanOf(epochs, now);
  const from = now - span;
  const count = span / step;
  return {
    from,
    to: now,
    ticks: Array.from({ length: count + 1 }, (_, i) => {
      const back = span - i * step;
      return { at: now - back, label: back === 0 ? 'now' : labelOf(back) };
    }),
    lanes: epochs.map((epoch) => ({
      epoch,
      segments: segmentsOf(epoch, from, now),
      summary: summaryOf(epoch, now),
    })),
  };
}

/** Something before the first event must be seen, so that one sees that there was nothing. */
const MARGIN = 1.1;

function spanOf(epochs: readonly EpochReport[], now: number): (typeof SPANS)[number] {
  const ages = epochs.flatMap(({ since }) => Object.values(since).map((at) => (now - at) * MARGIN));
  const oldest = Math.max(0, ...ages.filter((age) => age <= LONGEST.span));
  if (oldest === 0) return LONGEST;
  return SPANS.find(({ span }) => span >= oldest) ?? LONGEST;
}

function labelOf(back: number): string {
  return back % MINUTE === 0 ? `${back / MINUTE} min` : `${back / SECOND} s`;
}

function segmentsOf(epoch: EpochReport, from: number, to: number): readonly Segment[] {
  return phasesOf(epoch, to)
    .filter((phase) => phase.to >= from)
    .map(({ phase, from: began, to: ended }) => ({
      phase,
      from: Math.max(from, began),
      to: Math.max(from, ended),
      cut: began < from,
    }));
}

/** The phases that were reached, each until the next. */
function phasesOf({ since }: EpochReport, now: number) {
  const begun = PHASES.flatMap((phase) => {
    const from = since[phase];
    return from === undefined ? [] : [{ phase, from: Math.min(from, now) }];
  });
  return begun.map(({ phase, from }, i) => ({ phase, from, to: begun[i + 1]?.from ?? now }));
}

function summaryOf(epoch: EpochReport, now: number): string {
  const phases = phasesOf(epoch, now).map(({ phase, from, to }) =>
    phase === 'gone'
      ? `gone for ${formatAge(to - from)}${epoch.exit === undefined ? '' : ` (${epoch.exit})`}`
      : `${phase} for ${formatDuration(to - from)}`,
  );
  return `Epoch ${epoch.epoch}: ${phases.join(', then ')}`;
}
