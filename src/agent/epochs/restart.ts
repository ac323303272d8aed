/** Hot restarts: from a trigger to a child that is LIVE, or to the old epoch serving as if nothing had happened. */
import { stop } from './leaving.ts';
import {
  type Attempt,
  activeEpoch,
  andThen,
  type Epoch,
  log,
  type Outcome,
  type Preparation,
  type Prepared,
  type Step,
  type SupervisorState,
  type Trigger,
  type TriggerKind,
  unchanged,
} from './state.ts';

/** Processes of one agent at once, the one that starts included (trap 5). */
const MOST_PROCESSES = 3;
/** What runs now was started by another binary, or may have been. */
const OTHER_BINARY: readonly TriggerKind[] = ['binary', 'adoption'];

/** Begins the next hot restart, if one is asked for and nothing is in its way. */
export function proceed(state: SupervisorState): Step {
  const { attempt, waiting } = state;
  if (waiting.length === 0 || state.lifecycle.kind !== 'running') return unchanged(state);
  const active = activeEpoch(state);
  // An Envoy that never became LIVE may wait for ever for what a new configuration would give it.
  const stuck = active === undefined && attempt?.kind === 'starting' && attempt.start === 'fresh';
  if (!stuck && (attempt !== undefined || active === undefined)) return unchanged(state);
  // The admin first, with what served before: what else was asked for may fail again.
  const repairs = active === undefined ? [] : waiting.filter(({ kind }) => kind === 'repair');
  const wanted = repairs.length > 0 ? repairs : waiting;
  const triggers = stuck ? [...attempt.triggers, ...wanted] : wanted;
  const where = placeOf(state, active);
  const id = state.nextKey;
  return {
    state: {
      ...state,
      nextKey: id + 1,
      nextFamily: Math.max(state.nextFamily, where.family + 1),
      waiting: waiting.filter((trigger) => !wanted.includes(trigger)),
      attempt: { kind: 'preparing', id, triggers, ...where },
    },
    effects: [
      log('info', `Hot restart to epoch ${where.number}${beside(where)}: ${describe(triggers)}`),
      {
        kind: 'prepare',
        id,
        ...where,
        source:
          active !== undefined && repairs.length > 0
            ? { kind: 'saved', config: active.config }
            : { kind: 'inputs' },
        unlessItIs: triggers.every(({ kind }) => kind === 'input') ? active?.config : undefined,
        check: true,
        proven: triggers.some(({ kind }) => OTHER_BINARY.includes(kind)) ? undefined : active?.config,
      },
    ],
  };
}

const beside = ({ start }: Pick<Prepared, 'start'>) => (start === 'overlap' ? ' of a new base id' : '');

/** Which number and family the next epoch has. Numbers never skip a living parent (trap 7). */
function placeOf(
  state: SupervisorState,
  active: Epoch | undefined,
): Pick<Prepared, 'start' | 'number' | 'family'> {
  if (active === undefined) return { start: 'fresh', number: 0, family: state.nextFamily };
  if (state.wedged) return { start: 'overlap', number: 0, family: state.nextFamily };
  return { start: 'hot', number: active.number + 1, family: active.family };
}

export function prepared(state: SupervisorState, id: number, result: Preparation): Step {
  const { attempt } = state;
  if (attempt?.kind !== 'preparing' || attempt.id !== id) return unchanged(state);
  const { triggers, start, number, family } = attempt;
  const idle = { ...state, attempt: stillStarting(state) };
  if (result.kind !== 'valid') {
    const reason = result.kind === 'rejected' ? result.reason : 'nothing changed';
    const said: Step = { state: idle, effects: reported(triggers, result.kind, number, reason) };
    const nothingServes = activeEpoch(idle) === undefined && idle.attempt === undefined;
    return nothingServes
      ? andThen(said, (now) => stop(now, { code: 1, why: reason }))
      : andThen(said, proceed);
  }
  if (
    result.config === state.lastFailed &&
    triggers.length > 0 &&
    triggers.every(({ kind }) => kind === 'input')
  ) {
    const reason = 'this configuration has failed before; ask for a hot restart to try it again';
    return andThen({ state: idle, effects: reported(triggers, 'failed', number, reason) }, proceed);
  }
  const ready: Prepared = { triggers, start, number, family, config: result.config };
  const stuck = state.epochs.find(({ phase }) => phase === 'initializing');
  if (start === 'fresh' && stuck !== undefined) {
    return {
      state: { ...state, attempt: { kind: 'replacing', old: stuck.key, ...ready } },
      effects: [{ kind: 'signal-envoy', key: stuck.key, signal: 'SIGKILL' }],
    };
  }
  return launchIfRoom(idle, ready);
}

/** A preparation beside an Envoy that is not LIVE yet leaves that one as the attempt under way when it comes to nothing. */
function stillStarting(state: SupervisorState): Attempt | undefined {
  const epoch = state.epochs.find(({ phase }) => phase === 'initializing');
  if (epoch === undefined || activeEpoch(state) !== undefined) return undefined;
  const { key, number, family, config } = epoch;
  return { kind: 'starting', key, number, family, config, start: 'fresh', triggers: [], overdue: false };
}

/** Starts what is prepared, or waits until an old epoch has left. */
export function launchIfRoom(state: SupervisorState, ready: Prepared): Step {
  const { triggers, start, number, family, config } = ready;
  const rest: Prepared = { triggers, start, number, family, config };
  const inTheWay = state.epochs.filter((epoch) => isInTheWay(epoch, ready));
  if (inTheWay.length > 0 || state.epochs.length >= MOST_PROCESSES) {
    const draining = state.epochs.filter(({ phase }) => phase === 'draining');
    const waits = state.attempt?.kind === 'waiting-for-room';
    return {
      state: { ...state, attempt: { kind: 'waiting-for-room', ...rest } },
      effects: waits
        ? []
        : [
            log('info', `Epoch ${number} waits until the clients of an older epoch have gone`),
            ...draining.map(({ key }) => ({ kind: 'watch-connections', key }) as const),
          ],
    };
  }
  const key = state.nextKey;
  const epoch: Epoch = {
    key,
    number,
    family,
    phase: 'initializing',
    config,
    hasParent: start === 'hot',
    told: 'no',
  };
  return {
    state: {
      ...state,
      nextKey: key + 1,
      epochs: [...state.epochs, epoch],
      attempt: { kind: 'starting', key, overdue: false, ...rest },
    },
    effects: [
      log('info', `Epoch ${number} starting`),
      { kind: 'spawn', key, number, family, start, config },
      // Without a parent there is nothing to go back to: it may wait for its control plane as long as it takes.
      ...(start === 'fresh'
        ? []
        : [{ kind: 'timer', name: 'start-timeout', key, after: state.rules.hotRestartTimeout } as const]),
    ],
  };
}

/**
 * An old epoch of the family: Envoy ends it at once when a child starts, whoever is still connected (seen on 1.40: "terminating
 * parent process"), and with the number three before it the child shares a domain socket (trap 5).
 */
function isInTheWay(epoch: Epoch, { start, family, number }: Prepared): boolean {
  if (epoch.family !== family) return false;
  const wouldBeCutOff = epoch.phase === 'draining' || epoch.phase === 'leaving';
  return epoch.number % 3 === number % 3 || (start === 'hot' && wouldBeCutOff);
}

/** A child that is not LIVE in time is abandoned: SIGKILL, for SIGTERM would take its parent with it (trap 3). */
export function startTimeout(state: SupervisorState, key: number): Step {
  const { attempt } = state;
  if (attempt?.kind !== 'starting' || attempt.key !== key || attempt.start === 'fresh')
    return unchanged(state);
  return {
    state: { ...state, attempt: { ...attempt, overdue: true } },
    effects: [
      log(
        'error',
        `Epoch ${attempt.number} is not LIVE after ${state.rules.hotRestartTimeout} ms: abandoning it`,
      ),
      { kind: 'signal-envoy', key, signal: 'SIGKILL' },
    ],
  };
}

export function reported(
  triggers: readonly Trigger[],
  outcome: Outcome,
  number: number,
  reason: string,
): Step['effects'] {
  if (outcome === 'unchanged') {
    return [
      log('info', `No hot restart: ${reason}`),
      { kind: 'record', triggers, outcome, number: undefined, reason },
    ];
  }
  return [
    log('error', `Hot restart to epoch ${number} ${outcome}: ${reason}`),
    { kind: 'record', triggers, outcome, number, reason },
  ];
}

export function describe(triggers: readonly Trigger[]): string {
  return triggers.map(({ detail }) => detail).join(', ');
}
