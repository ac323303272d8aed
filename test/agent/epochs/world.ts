import {
  activeEpoch,
  type Effect,
  type Epoch,
  initialState,
  type Outcome,
  type Rules,
  type SupervisorEvent,
  type SupervisorState,
} from '../../../src/agent/epochs/state.ts';
import { step } from '../../../src/agent/epochs/step.ts';
import { millis } from '../../../src/platform/duration.ts';

export const rules: Rules = {
  maxRestarts: 10,
  hotRestartTimeout: millis(5_000),
  toldAfter: millis(59_000),
  reapAfter: millis(65_000),
  termGrace: millis(3_000),
  steadyAfter: millis(60_000),
  firstBackoff: millis(200),
};

/** A machine for the supervisor to run on: carries out effects as Envoy would, and checks after each what must never be. */
export interface World {
  readonly state: () => SupervisorState;
  /** Effects so far, in order. */
  readonly effects: readonly Effect[];
  /** Outcome of each trigger that was asked for, by id. */
  readonly outcomes: ReadonlyMap<number, Outcome>;
  dispatch(event: SupervisorEvent): void;
  ask(id: number): void;
  /** What may happen next: answers to effects, ends of processes, timers. */
  pending(): readonly Pending[];
  happen(pending: Pending): void;
}

export interface Pending {
  readonly what: string;
  readonly event: SupervisorEvent;
}

export function createWorld(
  options: Partial<Rules> = {},
  configs: () => 'good' | 'bad' = () => 'good',
): World {
  let state = initialState({ ...rules, ...options });
  const effects: Effect[] = [];
  const outcomes = new Map<number, Outcome>();
  let pending: Pending[] = [];

  const add = (what: string, event: SupervisorEvent) => pending.push({ what, event });
  const drop = (gone: (event: SupervisorEvent) => boolean) => {
    pending = pending.filter(({ event }) => !gone(event));
  };

  const carryOut = (effect: Effect, before: SupervisorState): void => {
    switch (effect.kind) {
      case 'prepare':
        // A saved configuration was LIVE once; only the inputs can be bad, and a fresh start is not checked beforehand.
        if (effect.source.kind === 'inputs' && effect.start !== 'fresh' && configs() === 'bad') {
          return void add('rejected', {
            kind: 'prepared',
            id: effect.id,
            result: { kind: 'rejected', reason: 'bad' },
          });
        }
        if (effect.source.kind === 'inputs') {
          add('valid, new', { kind: 'prepared', id: effect.id, result: { kind: 'valid', config: 'new' } });
        }
        return void add('valid', {
          kind: 'prepared',
          id: effect.id,
          result: { kind: 'valid', config: 'good' },
        });
      case 'spawn':
        check(before.lifecycle.kind !== 'ended', 'a process was started after the end');
        add('live', { kind: 'live', key: effect.key });
        return void add('crash', { kind: 'exited', key: effect.key, exitCode: 139, how: 'signal SIGSEGV' });
      case 'signal-envoy': {
        const epoch = before.epochs.find(({ key }) => key === effect.key);
        check(epoch !== undefined, 'a signal went to a process that is gone');
        check(
          !(effect.signal === 'SIGTERM' && epoch?.phase === 'initializing' && epoch.hasParent),
          'SIGTERM went to an initializing child',
        );
        // When all are killed at once there is no child left to want anything.
        const killsAll = before.lifecycle.kind === 'ended' || before.lifecycle.kind === 'stopping';
        check(
          (killsAll && effect.signal === 'SIGKILL') || epoch?.told !== 'no' || !hasServingChild(state, epoch),
          'an epoch was ended whose child will want to tell it to leave',
        );
        drop((event) => (event.kind === 'live' || event.kind === 'exited') && event.key === effect.key);
        const exitCode = effect.signal === 'SIGKILL' ? 137 : 0;
        return void add('obey', { kind: 'exited', key: effect.key, exitCode, how: effect.signal });
      }
      case 'undo':
        add('freed', { kind: 'undone', id: effect.id, freed: true, admin: 'open' });
        add('freed, admin closed', { kind: 'undone', id: effect.id, freed: true, admin: 'closed' });
        add('hangs', { kind: 'undone', id: effect.id, freed: true, admin: 'hangs' });
        return void add('not freed', { kind: 'undone', id: effect.id, freed: false, admin: 'open' });
      case 'watch-connections':
        return void add('idle', { kind: 'idle', key: effect.key });
      case 'timer':
        return void add(effect.name, { kind: 'timer', name: effect.name, key: effect.key });
      case 'drain':
        return void add('drained', { kind: 'drained', why: 'idle' });
      case 'record':
        for (const { id } of effect.triggers) {
          if (id < 0) continue;
          check(!outcomes.has(id), `trigger ${id} has two outcomes`);
          outcomes.set(id, effect.outcome);
        }
    }
  };

  const dispatch = (event: SupervisorEvent): void => {
    const next = step(state, event);
    const middle = { ...next.state, epochs: [...state.epochs, ...next.state.epochs] };
    state = next.state;
    effects.push(...next.effects);
    for (const effect of next.effects) carryOut(effect, middle);
    checkState(state);
  };

  return {
    state: () => state,
    effects,
    outcomes,
    dispatch,
    ask: (id) => dispatch({ kind: 'restart-asked', triggers: [{ id, kind: 'signal', detail: 'SIGHUP' }] }),
    // An old epoch is told to leave before it is reaped for not having left.
    pending: () =>
      pending.filter(({ what, event }) => what !== 'reap' || !('key' in event) || isTold(state, event.key)),
    happen: (chosen) => {
      const { event } = chosen;
      pending = pending.filter((each) => each !== chosen);
      if (event.kind === 'exited')
        drop((other) => 'key' in other && other.kind !== 'timer' && other.key === event.key);
      if (event.kind === 'prepared') drop((other) => other.kind === 'prepared' && other.id === event.id);
      if (event.kind === 'undone') drop((other) => other.kind === 'undone' && other.id === event.id);
      dispatch(event);
      if (event.kind === 'live') {
        // The child tells its parent to leave when its time is over.
        for (const { key, phase } of state.epochs) {
          if (
            (phase === 'draining' || phase === 'drained') &&
            !pending.some(
              ({ what, event: other }) => what === 'leaves' && 'key' in other && other.key === key,
            )
          ) {
            add('leaves', { kind: 'exited', key, exitCode: 0, how: 'exit status 0' });
          }
        }
      }
    },
  };
}

function isTold({ epochs }: SupervisorState, wanted: number): boolean {
  return epochs.find(({ key }) => key === wanted)?.told !== 'no';
}

function hasServingChild(state: SupervisorState, { family, number }: Epoch): boolean {
  return state.epochs.some(
    (other) => other.family === family && other.number === number + 1 && other.phase === 'serving',
  );
}

function checkState(state: SupervisorState): void {
  const { epochs, attempt } = state;
  check(epochs.filter(({ phase }) => phase === 'serving').length <= 1, 'two epochs serve');
  check(epochs.length <= 3, 'four processes live');
  const slots = epochs.map(({ family, number }) => `${family}:${number % 3}`);
  check(new Set(slots).size === slots.length, 'two epochs share a domain socket');
  for (const child of epochs.filter(({ phase, hasParent }) => phase === 'initializing' && hasParent)) {
    const parent = epochs.find(({ family, phase }) => family === child.family && phase === 'serving');
    if (parent !== undefined)
      check(child.number === parent.number + 1, 'an epoch number skips its living parent');
  }
  if (state.lifecycle.kind === 'running') {
    const busy = attempt !== undefined || activeEpoch(state) !== undefined || state.nextKey === 0;
    check(busy, 'nothing serves and nothing is being started');
  }
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}
