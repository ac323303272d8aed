/** What the supervisor did, folded into what a person wants to see of it: pure, fed with each step. */
import type { Readiness } from '../health/readiness.ts';
import type { AttemptReport, EpochReport, RestartReport, StatusReport } from '../health/status-report.ts';
import type { Attempt, Effect, Lifecycle, SupervisorEvent, SupervisorState } from './epochs/state.ts';

/** One step of the supervisor. `at` is in milliseconds since 1970. */
export interface Happening {
  readonly at: number;
  readonly event: SupervisorEvent;
  readonly before: SupervisorState;
  readonly after: SupervisorState;
  readonly effects: readonly Effect[];
}

export interface History {
  readonly lifecycle: Lifecycle['kind'];
  /** Living epochs, and those gone not long since, oldest first. */
  readonly epochs: readonly EpochHistory[];
  /** Newest first. */
  readonly restarts: readonly RestartReport[];
  readonly attempt: AttemptReport | undefined;
  /** When the bootstrap of the attempt under way was asked for. */
  readonly preparedAt: number | undefined;
  /** Envoy crashed, and no other serves yet. */
  readonly recovery: Recovery | undefined;
}

export type EpochHistory = Pick<EpochReport, 'key' | 'epoch' | 'phase' | 'since' | 'config' | 'exit'>;

interface Recovery {
  readonly at: number;
  readonly why: string;
}

/** What the history does not know of a process: the runner does, or the kernel. */
export type ProcessFacts = Pick<
  EpochReport,
  'pid' | 'baseId' | 'startedAt' | 'connections' | 'residentBytes'
>;

export interface Facts extends Pick<StatusReport, 'version' | 'pid' | 'nodeId' | 'now' | 'startedAt'> {
  readonly readiness: Readiness;
  /** By the key of the epoch. */
  readonly processes: ReadonlyMap<number, ProcessFacts>;
}

const GONE_KEPT = 12;
const GONE_KEPT_MS = 10 * 60_000;
const RESTARTS_KEPT = 20;
const LEAVING: readonly Lifecycle['kind'][] = ['draining', 'stopping', 'ended'];

export const emptyHistory: History = {
  lifecycle: 'running',
  epochs: [],
  restarts: [],
  attempt: undefined,
  preparedAt: undefined,
  recovery: undefined,
};

/** The history after one more step. */
export function record(history: History, happening: Happening): History {
  const { at, after, effects } = happening;
  const followed: History = {
    ...history,
    lifecycle: after.lifecycle.kind,
    epochs: recent(followEpochs(history.epochs, happening), at),
  };
  const recorded = effects.reduce(
    (now, effect) => followEffect(now, effect, at),
    noteCrash(followed, happening),
  );
  const ended = LEAVING.includes(after.lifecycle.kind) ? giveUpRecovery(recorded, happening) : recorded;
  return { ...ended, attempt: followAttempt(ended, after.attempt, at) };
}

/** The history as `GET /status` tells it. */
export function report(history: History, facts: Facts): StatusReport {
  const { processes, readiness, ...agent } = facts;
  return {
    ...agent,
    lifecycle: history.lifecycle,
    readiness,
    epochs: recent(history.epochs, facts.now).map((epoch) => ({ ...epoch, ...processes.get(epoch.key) })),
    ...(history.attempt === undefined ? {} : { attempt: history.attempt }),
    restarts: history.restarts,
  };
}

function followEpochs(
  known: readonly EpochHistory[],
  { at, event, after }: Happening,
): readonly EpochHistory[] {
  const followed = known.map((epoch): EpochHistory => {
    if (epoch.phase === 'gone') return epoch;
    const living = after.epochs.find(({ key }) => key === epoch.key);
    const phase = living?.phase ?? 'gone';
    if (phase === epoch.phase) return epoch;
    const exit = event.kind === 'exited' && event.key === epoch.key ? { exit: event.how } : {};
    return { ...epoch, phase, since: { ...epoch.since, [phase]: at }, ...exit };
  });
  const fresh = after.epochs
    .filter(({ key }) => !known.some((epoch) => epoch.key === key))
    .map(({ key, number, phase, config }): EpochHistory => {
      return { key, epoch: number, phase, since: { [phase]: at }, config };
    });
  return [...followed, ...fresh];
}

function recent(epochs: readonly EpochHistory[], now: number): readonly EpochHistory[] {
  const isGone = ({ since }: EpochHistory) => since.gone !== undefined;
  const kept = epochs
    .filter(isGone)
    .filter(({ since: { gone = 0 } }) => now - gone <= GONE_KEPT_MS)
    .slice(-GONE_KEPT);
  return epochs.filter((epoch) => !isGone(epoch) || kept.includes(epoch));
}

/** A crash begins a recovery. A crash during one ends it: each start that is tried has its row. */
function noteCrash(history: History, { at, event, before, after }: Happening): History {
  if (event.kind !== 'exited' || after.crashes <= before.crashes) return history;
  const why = `Envoy ended: ${event.how}`;
  const number = before.epochs.find(({ key }) => key === event.key)?.number;
  const ended = endRecovery(history, at, { outcome: 'failed', epoch: number, reason: why });
  return { ...ended, recovery: { at, why } };
}

function followEffect(history: History, effect: Effect, at: number): History {
  if (effect.kind === 'prepare') return { ...history, preparedAt: at };
  if (effect.kind !== 'record') return history;
  const { triggers, outcome, number: epoch, reason } = effect;
  const asked = countEach(triggers.map(({ detail }) => detail));
  const answered: History = { ...history, preparedAt: undefined };
  // With a recovery under way, what is said of no trigger is said of it; and whatever is LIVE ends it.
  if (triggers.length === 0 || outcome === 'live' || outcome === 'refused') {
    if (history.recovery !== undefined) return endRecovery(answered, at, { outcome, epoch, reason }, asked);
    if (triggers.length === 0) return answered;
  }
  const began = history.preparedAt ?? at;
  return addRestart(answered, { at: began, durationMs: at - began, triggers: asked, epoch, outcome, reason });
}

function giveUpRecovery(history: History, { at, event, after }: Happening): History {
  const gaveUp = event.kind === 'exited' && 'exit' in after.lifecycle;
  return endRecovery(history, at, {
    epoch: undefined,
    outcome: gaveUp ? 'failed' : 'refused',
    reason: gaveUp ? after.lifecycle.exit.why : 'the agent is leaving',
  });
}

function endRecovery(
  history: History,
  at: number,
  end: Pick<RestartReport, 'outcome' | 'epoch' | 'reason'>,
  asked: readonly string[] = [],
): History {
  const { recovery } = history;
  if (recovery === undefined) return history;
  const { at: began, why } = recovery;
  const row: RestartReport = { at: began, durationMs: at - began, triggers: [why, ...asked], ...end };
  return addRestart({ ...history, recovery: undefined }, row);
}

/** A clock that was set back must not give a negative duration. */
function addRestart(history: History, row: RestartReport): History {
  const sane = { ...row, durationMs: Math.max(0, row.durationMs) };
  return { ...history, restarts: [sane, ...history.restarts].slice(0, RESTARTS_KEPT) };
}

function followAttempt(
  { attempt: known, preparedAt, recovery }: History,
  attempt: Attempt | undefined,
  at: number,
): AttemptReport | undefined {
  if (attempt === undefined) return undefined;
  if (attempt.kind === 'undoing') return known === undefined ? undefined : { ...known, step: 'undoing' };
  const asked = attempt.triggers.map(({ detail }) => detail);
  return {
    at: preparedAt ?? known?.at ?? at,
    triggers: countEach(recovery === undefined ? asked : [recovery.why, ...asked]),
    epoch: attempt.number,
    step: STEPS[attempt.kind],
  };
}

const STEPS: Readonly<Record<Exclude<Attempt['kind'], 'undoing'>, AttemptReport['step']>> = {
  preparing: 'preparing',
  'waiting-for-room': 'waiting',
  replacing: 'waiting',
  starting: 'starting',
};

/** `SIGHUP, SIGHUP` is `SIGHUP (2 times)`. */
function countEach(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].map((text) => {
    const times = texts.filter((each) => each === text).length;
    return times === 1 ? text : `${text} (${times} times)`;
  });
}
