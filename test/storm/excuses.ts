/** Which failed requests a storm is to blame for, and which the agent is: pure, from times in milliseconds since 1970. */
import type { Failure } from '../support/load.ts';

/** Something the storm did that costs requests whatever any supervisor does, from when to when. */
export interface Excuse {
  readonly kind: ExcuseKind;
  readonly from: number;
  readonly to: number;
}

/**
 * `no-service`: the last serving Envoy was killed, and no other was LIVE yet. `carried`: an old Envoy was killed, with what it
 * still carried. `stopped`: an Envoy stood still, and what it carried had less time left than it should have. `overlap`: an
 * Envoy of another base id took over, which costs new connections that wait in the old one's queue.
 */
export type ExcuseKind = 'no-service' | 'carried' | 'stopped' | 'overlap';

/** `kill-parent`: the end of an Envoy whose parent was killed when it was just being told to leave: its child hangs, and aborts. */
export interface Deed {
  readonly kind: 'kill-serving' | 'kill-old' | 'kill-parent' | 'stop';
  readonly at: number;
  /** Of a stop: when it was over. */
  readonly until?: number;
}

export interface Takeover {
  readonly at: number;
  readonly overlap: boolean;
}

/** Failures are seen, and takeovers logged, this much later than they are on a machine that is busy. */
const MARGIN_MS = 300;
/** How long an Envoy that an overlap has replaced may take to close its listeners. */
const OVERLAP_MS = 5_000;

/** @param takeovers when an epoch was LIVE, in order */
export function excusesFor(deeds: readonly Deed[], takeovers: readonly Takeover[]): readonly Excuse[] {
  const caused = deeds.map(({ kind, at, until }): Excuse => {
    if (kind === 'stop') return { kind: 'stopped', from: at, to: (until ?? at) + MARGIN_MS };
    if (kind === 'kill-parent') return { kind: 'carried', from: at - MARGIN_MS, to: at + MARGIN_MS };
    if (kind === 'kill-old') return { kind: 'carried', from: at, to: at + MARGIN_MS };
    const next = takeovers.find((takeover) => takeover.at >= at);
    return { kind: 'no-service', from: at, to: (next?.at ?? Number.POSITIVE_INFINITY) + MARGIN_MS };
  });
  const overlaps = takeovers
    .filter(({ overlap }) => overlap)
    .map(({ at }): Excuse => ({ kind: 'overlap', from: at - MARGIN_MS, to: at + OVERLAP_MS }));
  // The worst first: a request that failed is put down to one of them.
  return [...caused.filter(({ kind }) => kind !== 'stopped'), ...overlaps, ...caused];
}

export interface Judged {
  readonly excused: Readonly<Record<ExcuseKind, number>>;
  readonly unexcused: readonly Failure[];
}

/** @param lost whether a failure is a new connection that was lost: nothing else is excused by an overlap */
export function judge(
  failures: readonly Failure[],
  excuses: readonly Excuse[],
  lost: (failure: Failure) => boolean,
): Judged {
  const excused = { 'no-service': 0, carried: 0, stopped: 0, overlap: 0 };
  const unexcused: Failure[] = [];
  for (const failure of failures) {
    const excuse = excuses.find(
      ({ kind, from, to }) => from <= failure.at && failure.at <= to && (kind !== 'overlap' || lost(failure)),
    );
    if (excuse === undefined) unexcused.push(failure);
    else excused[excuse.kind] += 1;
  }
  return { excused, unexcused };
}
