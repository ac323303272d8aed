/** Leaving: drain, SIGTERM, SIGKILL, and the exit code. */
import {
  activeEpoch,
  andThen,
  type Effect,
  type Epoch,
  type Exit,
  log,
  type Step,
  type SupervisorState,
  type Trigger,
  unchanged,
} from './state.ts';

/** SIGTERM or SIGINT: drain first, if there is something to drain. */
export function leave(state: SupervisorState, signal: string): Step {
  const exit: Exit = { code: 0, why: signal };
  const freed = giveUpAttempt(state);
  if (activeEpoch(state) === undefined) return andThen(freed, (now) => stop(now, exit));
  return {
    state: { ...freed.state, lifecycle: { kind: 'draining', exit } },
    effects: [
      ...freed.effects,
      log('info', `${signal}: Agent draining Proxy`),
      { kind: 'drain', alreadyAsked: state.drainAsked },
    ],
  };
}

export function drainAsked(state: SupervisorState): Step {
  if (state.drainAsked) return unchanged(state);
  return {
    state: { ...state, drainAsked: true },
    effects: [
      log('info', 'POST /drain: draining, and going on until a signal comes'),
      { kind: 'drain-and-stay' },
    ],
  };
}

export function drained(state: SupervisorState, why: string): Step {
  const { lifecycle } = state;
  if (lifecycle.kind !== 'draining') return unchanged(state);
  return andThen({ state, effects: [log('info', `Drain is over: ${why}`)] }, (now) =>
    stop(now, lifecycle.exit),
  );
}

/** Ends every Envoy in order: SIGTERM, and SIGKILL for one that ignores it. */
export function stop(before: SupervisorState, exit: Exit): Step {
  const { state, effects } = giveUpAttempt(before);
  if (state.epochs.length === 0) return end(state, exit, effects);
  return {
    state: { ...state, lifecycle: { kind: 'stopping', exit } },
    effects: [
      ...effects,
      // Each tells its own parent to leave, and would wait in vain for one that has been told already.
      ...state.epochs
        .filter((epoch) => !isBeingKilled(epoch) && !hasChild(state, epoch))
        .map(({ key }) => ({ kind: 'signal-envoy', key, signal: 'SIGTERM' }) as const),
      { kind: 'timer', name: 'grace', key: 0, after: state.rules.termGrace },
    ],
  };
}

/** A child that takes over: SIGTERM would end its parent before its time (trap 3), so it has been sent SIGKILL. */
const isBeingKilled = ({ phase, hasParent }: Epoch) => phase === 'initializing' && hasParent;

function hasChild({ epochs }: SupervisorState, { family, number }: Epoch): boolean {
  return epochs.some((other) => other.family === family && other.number > number && !isBeingKilled(other));
}

export function graceOver(state: SupervisorState): Step {
  if (state.lifecycle.kind !== 'stopping') return unchanged(state);
  return {
    state,
    effects: [log('warn', 'Envoy ignores SIGTERM: sending SIGKILL'), ...killAll(state)],
  };
}

/** An epoch has left while the agent is leaving. */
export function leaverExited(
  state: SupervisorState,
  epoch: Epoch,
  { exitCode }: { readonly exitCode: number },
): Step {
  const { lifecycle } = state;
  if (lifecycle.kind !== 'draining' && lifecycle.kind !== 'stopping') return unchanged(state);
  // A crash during the drain cost its clients their answers: that is not "as asked".
  const failed = lifecycle.kind === 'draining' && epoch.phase === 'serving' && exitCode !== 0;
  const exit = failed ? { ...lifecycle.exit, code: exitCode } : lifecycle.exit;
  if (state.epochs.length === 0) return end(state, exit, []);
  if (lifecycle.kind === 'draining' && epoch.phase === 'serving') return stop(state, exit);
  return unchanged({ ...state, lifecycle: { ...lifecycle, exit } });
}

/** Ends at once. The runner waits for what it kills, so that no orphan stays. */
export function endNow(state: SupervisorState, exit: Exit): Step {
  return end(state, exit, killAll(state));
}

function end(state: SupervisorState, exit: Exit, effects: readonly Effect[]): Step {
  const waiting = refusals(state);
  return {
    state: { ...state, attempt: undefined, waiting: [], lifecycle: { kind: 'ended', exit } },
    effects: [...effects, ...waiting, { kind: 'end', exit }],
  };
}

/** No hot restart goes on while the agent leaves; a child is killed, for SIGTERM would end its parent before its time. */
function giveUpAttempt(state: SupervisorState): Step {
  const children = state.epochs.filter(({ phase, hasParent }) => phase === 'initializing' && hasParent);
  return {
    state: { ...state, attempt: undefined, waiting: [] },
    effects: [
      ...refusals(state),
      ...children.map(({ key }) => ({ kind: 'signal-envoy', key, signal: 'SIGKILL' }) as const),
    ],
  };
}

function refusals({ attempt, waiting }: SupervisorState): readonly Effect[] {
  const triggers: readonly Trigger[] = [
    ...(attempt !== undefined && 'triggers' in attempt ? attempt.triggers : []),
    ...waiting,
  ];
  if (triggers.length === 0) return [];
  return [
    { kind: 'record', triggers, outcome: 'refused', number: undefined, reason: 'the agent is leaving' },
  ];
}

function killAll(state: SupervisorState): readonly Effect[] {
  return state.epochs.map(({ key }) => ({ kind: 'signal-envoy', key, signal: 'SIGKILL' }));
}
