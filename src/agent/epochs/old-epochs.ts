/** Epochs that were replaced: how long they may stay, and when they go. */
import { launchIfRoom } from './restart.ts';
import {
  andThen,
  type Effect,
  type Epoch,
  log,
  type Step,
  type SupervisorState,
  unchanged,
} from './state.ts';

/** An epoch that only drains has no client any more: the next child may have it ended. */
export function becameIdle(state: SupervisorState, key: number): Step {
  const { attempt } = state;
  const epoch = state.epochs.find((candidate) => candidate.key === key);
  if (epoch?.phase !== 'draining') return unchanged(state);
  const epochs = state.epochs.map((each): Epoch => (each.key === key ? { ...each, phase: 'drained' } : each));
  const said: Step = {
    state: { ...state, epochs },
    effects: [log('info', `Epoch ${epoch.number} has no client left`)],
  };
  return attempt?.kind === 'waiting-for-room' ? andThen(said, (now) => launchIfRoom(now, attempt)) : said;
}

/** The time of this epoch is nearly over: from now on its child may tell it to leave. */
export function mayBeTold(state: SupervisorState, key: number): Step {
  return unchanged({
    ...state,
    epochs: state.epochs.map((each): Epoch => (each.key === key ? { ...each, told: 'perhaps' } : each)),
  });
}

/** The old epoch has not left though its time is long over: the agent ends it, with SIGKILL when that is needed. */
export function reap(state: SupervisorState, key: number): Step {
  const epoch = state.epochs.find((candidate) => candidate.key === key);
  if (epoch?.phase === 'leaving') {
    return { state, effects: [{ kind: 'signal-envoy', key, signal: 'SIGKILL' }] };
  }
  if (epoch?.phase !== 'draining' && epoch?.phase !== 'drained') return unchanged(state);
  return dismiss(state, epoch, log('warn', `Epoch ${epoch.number} has not left by itself: reaping it`));
}

function dismiss(state: SupervisorState, { key }: Epoch, said: Effect): Step {
  const epochs = state.epochs.map(
    (each): Epoch => (each.key === key ? { ...each, phase: 'leaving', told: 'yes' } : each),
  );
  return {
    state: { ...state, epochs },
    effects: [
      said,
      { kind: 'signal-envoy', key, signal: 'SIGTERM' },
      { kind: 'timer', name: 'reap', key, after: state.rules.termGrace },
    ],
  };
}
