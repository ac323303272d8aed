/**
 * The supervisor as a pure function: no clock, no process, no I/O. Time and the ends of processes come in as events; what is
 * to be done goes out as effects, which `supervisor.ts` carries out.
 */
import { drainAsked, drained, endNow, graceOver, leave, leaverExited, stop } from './leaving.ts';
import { becameIdle, mayBeTold, reap } from './old-epochs.ts';
import { adopt, becameLive, beginFresh, crashed, steady } from './recovery.ts';
import { launchIfRoom, prepared, proceed, startTimeout } from './restart.ts';
import { childFailed, lookAgain, parentLost, undone } from './setbacks.ts';
import {
  type Attempt,
  andThen,
  type Epoch,
  type EpochPhase,
  log,
  type Step,
  type SupervisorEvent,
  type SupervisorState,
  unchanged,
} from './state.ts';

export function step(state: SupervisorState, event: SupervisorEvent): Step {
  if (state.lifecycle.kind === 'ended') {
    return event.kind === 'restart-asked' ? refuse(state, event) : unchanged(state);
  }
  switch (event.kind) {
    case 'start':
      if (state.nextKey > 0 || state.attempt !== undefined) return unchanged(state);
      return event.adopted === undefined || event.adopted.length === 0
        ? beginFresh(state, 0)
        : adopt(state, event.adopted);
    case 'restart-asked':
      return isLeaving(state)
        ? refuse(state, event)
        : proceed({ ...state, waiting: [...state.waiting, ...event.triggers] });
    case 'prepared':
      return prepared(state, event.id, event.result);
    case 'live':
      return andThen(becameLive(state, event.key), proceed);
    case 'exited':
      return exited(state, event);
    case 'undone':
      return undone(state, event);
    case 'idle':
      return becameIdle(state, event.key);
    case 'timer':
      return timer(state, event);
    case 'signal':
      return isLeaving(state)
        ? endNow(state, { code: event.exitCode, why: `a second signal, ${event.signal}` })
        : leave(state, event.signal);
    case 'quit':
      return state.lifecycle.kind === 'stopping'
        ? unchanged(state)
        : stop(state, { code: 0, why: 'POST /quitquitquit' });
    case 'drain-asked':
      return isLeaving(state) ? unchanged(state) : drainAsked(state);
    case 'drained':
      return drained(state, event.why);
    case 'failed':
      return endNow(state, { code: 1, why: event.why });
  }
}

function timer(state: SupervisorState, { name, key }: Extract<SupervisorEvent, { kind: 'timer' }>): Step {
  switch (name) {
    case 'start-timeout':
      return startTimeout(state, key);
    case 'look-again':
      return lookAgain(state, key);
    case 'told':
      return mayBeTold(state, key);
    case 'reap':
      return reap(state, key);
    case 'steady':
      return steady(state, key);
    case 'backoff':
      if (state.lifecycle.kind !== 'backing-off') return unchanged(state);
      return andThen(beginFresh({ ...state, lifecycle: { kind: 'running' } }, 0), proceed);
    case 'grace':
      return graceOver(state);
  }
}

function exited(before: SupervisorState, event: Extract<SupervisorEvent, { kind: 'exited' }>): Step {
  const epoch = before.epochs.find(({ key }) => key === event.key);
  if (epoch === undefined) return unchanged(before);
  const state = { ...before, epochs: before.epochs.filter(({ key }) => key !== event.key) };
  const first: Step = { state, effects: [{ kind: 'forget', key: event.key }, said(before, epoch, event)] };
  return andThen(first, (now) => afterExit(now, epoch, event));
}

function afterExit(
  state: SupervisorState,
  epoch: Epoch,
  event: { readonly exitCode: number; readonly how: string },
): Step {
  if (isLeaving(state)) return leaverExited(state, epoch, event);
  const { attempt } = state;
  if (epoch.phase === 'serving') return crashed(state, epoch, event);
  if (epoch.phase === 'initializing') {
    if (attempt?.kind === 'starting' && attempt.key === epoch.key) {
      return attempt.start === 'fresh'
        ? crashed(state, epoch, event)
        : childFailed(state, attempt, event.how);
    }
    if (isPreparingToReplace(attempt) && !epoch.hasParent && state.lastGood !== undefined) {
      return crashed(state, epoch, event);
    }
    if (attempt?.kind === 'replacing' && attempt.old === epoch.key) return launchIfRoom(state, attempt);
  }
  return andThen(parentLost(state, epoch, event), (now) =>
    now.attempt?.kind === 'waiting-for-room' ? launchIfRoom(now, now.attempt) : unchanged(now),
  );
}

/** What was to replace a first Envoy may come to nothing: when that Envoy dies, what served before comes first. */
function isPreparingToReplace(attempt: Attempt | undefined): boolean {
  return attempt?.kind === 'preparing' && attempt.start === 'fresh' && attempt.triggers.length > 0;
}

const OLD: readonly EpochPhase[] = ['draining', 'drained', 'leaving'];

function said(
  state: SupervisorState,
  epoch: Epoch,
  { exitCode, how }: { readonly exitCode: number; readonly how: string },
) {
  if (isLeaving(state) || OLD.includes(epoch.phase))
    return log('info', `Epoch ${epoch.number} ended: ${how}`);
  if (exitCode === 0) return log('info', `Epoch ${epoch.number} exited normally`);
  return log('error', `Epoch ${epoch.number} exited with error: ${how}`);
}

function refuse(
  state: SupervisorState,
  { triggers }: Extract<SupervisorEvent, { kind: 'restart-asked' }>,
): Step {
  return {
    state,
    effects: [
      {
        kind: 'record',
        triggers,
        outcome: 'refused',
        number: undefined,
        reason: 'the agent is leaving',
      },
    ],
  };
}

function isLeaving({ lifecycle }: SupervisorState): boolean {
  return lifecycle.kind === 'draining' || lifecycle.kind === 'stopping' || lifecycle.kind === 'ended';
}
