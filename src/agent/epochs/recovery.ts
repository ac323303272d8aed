/** The first start, the start after a crash, and the way from one to the other. */
import { endNow, stop } from './leaving.ts';
import { describe, proceed } from './restart.ts';
import {
  type AdoptedEpoch,
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

/** Above are the ends by a signal. Envoy that leaves by itself before it was ever LIVE refuses what it was given: no use in trying it again. */
const LAST_EXIT_STATUS = 128;

/**
 * Starts an Envoy that has no parent, as epoch 0 of `family`; of a new family while an old epoch still drains, whose sockets
 * and shared memory it would trip over (trap 4: with `N+2` the start would hang).
 */
export function beginFresh(state: SupervisorState, preferred: number): Step {
  const family = state.epochs.length === 0 ? preferred : state.nextFamily;
  const id = state.nextKey;
  return {
    state: {
      ...state,
      nextKey: id + 1,
      nextFamily: Math.max(state.nextFamily, family + 1),
      wedged: false,
      attempt: { kind: 'preparing', id, triggers: [], start: 'fresh', number: 0, family },
    },
    effects: [
      {
        kind: 'prepare',
        id,
        number: 0,
        family,
        start: 'fresh',
        source: state.lastGood === undefined ? { kind: 'inputs' } : { kind: 'saved', config: state.lastGood },
        unlessItIs: undefined,
        check: false,
        proven: undefined,
      },
    ],
  };
}

/** Takes over Envoys that an agent before this one left serving, by a hot restart. */
export function adopt(state: SupervisorState, adopted: readonly AdoptedEpoch[]): Step {
  const epochs = adopted.map(
    ({ number, config, serving }, key): Epoch => ({
      key,
      number,
      family: 0,
      phase: serving ? 'serving' : 'draining',
      config,
      hasParent: false,
      told: 'no',
    }),
  );
  const serves = adopted.some(({ serving }) => serving);
  const trigger: Trigger = { id: -1, kind: 'adoption', detail: 'taking over from the agent before' };
  const found: Step = {
    state: { ...state, epochs, nextKey: epochs.length, waiting: serves ? [trigger] : [] },
    effects: epochs.flatMap(({ key, number, phase }) => [
      log('info', `Epoch ${number} adopted, ${phase}`),
      ...(phase === 'draining' ? [reapTimer(state, key)] : []),
    ]),
  };
  return andThen(found, serves ? proceed : (now) => beginFresh(now, 0));
}

export function becameLive(state: SupervisorState, key: number): Step {
  const { attempt, rules } = state;
  const epoch = state.epochs.find((candidate) => candidate.key === key);
  if (epoch?.phase !== 'initializing' || isBeingReplaced(state, key)) return unchanged(state);
  const parent = activeEpoch(state);
  const epochs = state.epochs.map((each): Epoch => {
    if (each.key === key) return { ...each, phase: 'serving', hasParent: false };
    return each.key === parent?.key ? { ...each, phase: 'draining' } : each;
  });
  // A new configuration that was being prepared to replace this one becomes an ordinary hot restart.
  const interrupted =
    attempt !== undefined && attempt.kind !== 'starting' && 'triggers' in attempt ? attempt.triggers : [];
  const triggers = attempt?.kind === 'starting' ? attempt.triggers : [];
  const effects: Effect[] = [
    log('info', `Epoch ${epoch.number} is LIVE${triggers.length === 0 ? '' : ` (${describe(triggers)})`}`),
    { kind: 'timer', name: 'steady', key, after: rules.steadyAfter },
    { kind: 'record', triggers, outcome: 'live', number: epoch.number, reason: '' },
  ];
  if (parent !== undefined) {
    if (parent.family !== epoch.family) effects.push({ kind: 'retire', key: parent.key });
    effects.push(
      { kind: 'timer', name: 'told', key: parent.key, after: rules.toldAfter },
      reapTimer(state, parent.key),
    );
  }
  if (state.drainAsked) effects.push({ kind: 'drain-and-stay' });
  return {
    state: {
      ...state,
      epochs,
      attempt: undefined,
      waiting: [...interrupted, ...state.waiting],
      lastGood: epoch.config,
      lastFailed: state.lastFailed === epoch.config ? undefined : state.lastFailed,
      repairs: 0,
      wedged: false,
    },
    effects,
  };
}

/** It was sent SIGKILL already, to make room for a better configuration. */
function isBeingReplaced({ attempt }: SupervisorState, key: number): boolean {
  return attempt?.kind === 'replacing' && attempt.old === key;
}

/** It is a while since this epoch was LIVE. If there was no crash meanwhile, those before it are history. */
export function steady(state: SupervisorState, key: number): Step {
  const serves = activeEpoch(state) !== undefined && key >= state.sinceCrash;
  return unchanged(serves ? { ...state, crashes: 0 } : state);
}

/** The epoch that served, or was to be the first to serve, is gone. */
export function crashed(
  before: SupervisorState,
  epoch: Epoch,
  { exitCode, how }: { readonly exitCode: number; readonly how: string },
): Step {
  const abandoned = abandonAttempt(before);
  const { state } = abandoned;
  const neverLive = state.lastGood === undefined && epoch.phase === 'initializing';
  const why = `Envoy ended: ${how}`;
  if (exitCode === 0) return andThen(abandoned, (now) => stop(now, { code: 0, why }));
  if (state.crashes >= state.rules.maxRestarts || (neverLive && exitCode <= LAST_EXIT_STATUS)) {
    const last = log('info', 'No more active epochs, terminating');
    return andThen(abandoned, (now) =>
      andThen({ state: now, effects: [last] }, (it) => endNow(it, { code: exitCode, why })),
    );
  }
  const crashes = state.crashes + 1;
  const pause = crashes === 1 ? 0 : state.rules.firstBackoff * 2 ** (crashes - 2);
  const said = log(
    'warn',
    `Starting Envoy again (${crashes} of ${state.rules.maxRestarts})${pause === 0 ? '' : ` in ${pause} ms`}`,
  );
  return andThen(abandoned, (now) => {
    const counted: SupervisorState = { ...now, crashes, sinceCrash: now.nextKey };
    if (pause === 0) return andThen({ state: counted, effects: [said] }, (it) => beginFresh(it, 0));
    const timer: Effect = {
      kind: 'timer',
      name: 'backoff',
      key: 0,
      after: pause as typeof state.rules.firstBackoff,
    };
    return { state: { ...counted, lifecycle: { kind: 'backing-off' } }, effects: [said, timer] };
  });
}

/** The parent is gone: its child can get no sockets from it and is killed; what asked for it asks again. */
function abandonAttempt(state: SupervisorState): Step {
  const { attempt } = state;
  const triggers = attempt !== undefined && 'triggers' in attempt ? attempt.triggers : [];
  const children = state.epochs.filter(({ phase }) => phase === 'initializing');
  return {
    state: { ...state, attempt: undefined, waiting: [...triggers, ...state.waiting] },
    effects: children.map(({ key }) => ({ kind: 'signal-envoy', key, signal: 'SIGKILL' }) as const),
  };
}

function reapTimer({ rules }: SupervisorState, key: number): Effect {
  return { kind: 'timer', name: 'reap', key, after: rules.reapAfter };
}
