/** A child that failed, a parent that died early: how the epoch that serves comes out of it fit for the next hot restart. */
import { millis } from '../../platform/duration.ts';
import { proceed, reported } from './restart.ts';
import {
  type AdminState,
  type Attempt,
  activeEpoch,
  andThen,
  type Effect,
  type Epoch,
  log,
  type Step,
  type SupervisorState,
  type Trigger,
  unchanged,
} from './state.ts';

/** Hot restarts in a row that only bring the admin back. */
const MOST_REPAIRS = 3;
/** An Envoy that hangs is asked again after this time. */
const LOOK_AGAIN = millis(1_000);

/** The child is gone and its parent serves: what it left behind must be undone before the next one (traps 1 and 2). */
export function childFailed(
  state: SupervisorState,
  { triggers, number, start, config, overdue }: Extract<Attempt, { kind: 'starting' }>,
  how: string,
): Step {
  const active = activeEpoch(state);
  if (active === undefined) return unchanged({ ...state, attempt: undefined });
  const id = state.nextKey;
  const { family } = active;
  const kept = log('warn', `Epoch ${active.number} goes on serving`);
  const record = reported(triggers, 'failed', number, `epoch ${number} ended before it was LIVE: ${how}`);
  // What it was given has served before, and it waited in vain: so it is its parent that cannot hand over.
  const stuck = overdue && triggers.some(({ kind }) => kind === 'repair');
  if (start !== 'hot') {
    // It shared nothing with the old epoch, so there is nothing to undo.
    return andThen(
      { state: { ...state, attempt: undefined, lastFailed: config }, effects: [...record, kept] },
      proceed,
    );
  }
  return {
    state: {
      ...state,
      nextKey: id + 1,
      lastFailed: config,
      attempt: { kind: 'undoing', id, family, number: active.number, hangs: false, stuck },
    },
    effects: [...record, kept, { kind: 'undo', id, family, number: active.number }],
  };
}

export function undone(
  state: SupervisorState,
  { id, freed, admin }: { readonly id: number; readonly freed: boolean; readonly admin: AdminState },
): Step {
  const { attempt } = state;
  if (attempt?.kind !== 'undoing' || attempt.id !== id) return unchanged(state);
  if (admin === 'hangs') {
    const timer: Effect = { kind: 'timer', name: 'look-again', key: id, after: LOOK_AGAIN };
    const said = log('warn', `Epoch ${attempt.number} hangs: no hot restart until it goes on`);
    return {
      state: { ...state, attempt: { ...attempt, hangs: true } },
      effects: attempt.hangs ? [timer] : [said, timer],
    };
  }
  const idle: SupervisorState = { ...state, attempt: undefined, wedged: attempt.stuck || !freed };
  if (admin === 'open') return proceed({ ...idle, repairs: 0 });
  if (state.repairs >= MOST_REPAIRS) {
    const blind = log(
      'error',
      "Envoy's admin stays closed until the next hot restart that succeeds: no statistics",
    );
    return andThen({ state: idle, effects: [blind] }, proceed);
  }
  const repair: Trigger = {
    id: -1,
    kind: 'repair',
    detail: 'the failed child has closed the admin of its parent',
  };
  return proceed({ ...idle, repairs: state.repairs + 1, waiting: [...state.waiting, repair] });
}

/** What a child has asked of a parent that hung happens when the parent goes on: only then can it be undone. */
export function lookAgain(state: SupervisorState, id: number): Step {
  const { attempt } = state;
  if (attempt?.kind !== 'undoing' || attempt.id !== id) return unchanged(state);
  const { family, number } = attempt;
  return { state, effects: [{ kind: 'undo', id, family, number }] };
}

/**
 * A parent that died before its time leaves a child that cannot hot-restart, and that aborts when it wants to tell its parent to
 * leave (seen on 1.40: "hot restart sendmsg() failed", errno 111). It wants to as soon as it has a child itself, so one that starts is
 * killed before it can speak. A new family takes over before the abort.
 */
export function parentLost(
  state: SupervisorState,
  parent: Epoch,
  { exitCode }: { readonly exitCode: number },
): Step {
  const { attempt } = state;
  const child = state.epochs.find(
    ({ family, number }) => family === parent.family && number === parent.number + 1,
  );
  const starting = attempt?.kind === 'starting' && attempt.start === 'hot' ? attempt : undefined;
  const left = exitCode === 0 && (parent.told === 'perhaps' || starting !== undefined);
  const wasTold = left || parent.told === 'yes';
  if (wasTold || child?.phase !== 'serving') return unchanged(state);
  const again = attempt !== undefined && 'triggers' in attempt ? attempt.triggers : [];
  const repair: Trigger = {
    id: -1,
    kind: 'repair',
    detail: `epoch ${parent.number} has died before its time`,
  };
  const lost: SupervisorState = {
    ...state,
    attempt: undefined,
    wedged: true,
    waiting: [...again, repair, ...state.waiting],
  };
  const given: readonly Effect[] =
    starting === undefined ? [] : [{ kind: 'signal-envoy', key: starting.key, signal: 'SIGKILL' }];
  return andThen({ state: lost, effects: given }, proceed);
}
