/** Carries out the effects of `epochs/step.ts` and turns what comes of them into events. */
import { constants } from 'node:os';
import { describeExit, type EnvoyProcess, exitCodeOf } from '../envoy/process.ts';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import {
  type AdminState,
  type Effect,
  type Epoch,
  type Exit,
  initialState,
  type Preparation,
  type Rules,
  type SupervisorEvent,
  type SupervisorState,
} from './epochs/state.ts';
import { step } from './epochs/step.ts';

type EffectOf<Kind extends Effect['kind']> = Extract<Effect, { readonly kind: Kind }>;

/** What the supervisor does to the world. Each is one small module, passed in; each has deadlines of its own. */
export interface SupervisorPorts {
  readonly rules: Rules;
  /** Envoys of an agent before this one, by the key that `adopted` of the event `start` gives them. */
  readonly adopted: ReadonlyMap<number, EnvoyProcess>;
  readonly log: Logger;
  prepare(effect: EffectOf<'prepare'>): Promise<Preparation>;
  spawn(effect: EffectOf<'spawn'>): EnvoyProcess;
  /** Settles when this Envoy is LIVE; rejects only when `signal` aborts. */
  untilLive(effect: EffectOf<'spawn'>, envoy: EnvoyProcess, signal: AbortSignal): Promise<void>;
  undo(effect: EffectOf<'undo'>): Promise<{ readonly freed: boolean; readonly admin: AdminState }>;
  /** Drains and waits; answers with why the drain is over. */
  drain(effect: EffectOf<'drain'>, signal: AbortSignal): Promise<string>;
  drainAndStay(): Promise<void>;
  /** Has a replaced epoch of another family drain and leave. */
  retire(key: number, envoy: EnvoyProcess, signal: AbortSignal): Promise<void>;
  /** Settles when no client of this Envoy is left; with false when that cannot be told. */
  untilIdle(envoy: EnvoyProcess, signal: AbortSignal): Promise<boolean>;
  /** The process is gone: removes what was made for it. */
  forget(key: number): Promise<void>;
  record(effect: EffectOf<'record'>): void;
  /** A process is there. */
  onProcess(key: number, envoy: EnvoyProcess, epoch: Pick<Epoch, 'family' | 'number'>): void;
  /** Sees each step after it was taken, before its effects are carried out. */
  observe(step: ObservedStep): void;
}

export interface ObservedStep {
  readonly event: SupervisorEvent;
  readonly before: SupervisorState;
  readonly after: SupervisorState;
  readonly effects: readonly Effect[];
}

export interface Supervisor {
  dispatch(event: SupervisorEvent): void;
  state(): SupervisorState;
  /** Pid of a living Envoy, by the key of its epoch. */
  pid(key: number): number | undefined;
  /** Pids of the Envoys that live now, for the last resort when the agent itself is dying. */
  livingPids(): readonly number[];
  /** Settles when every process is gone and cleaned up after. */
  readonly ended: Promise<Exit>;
}

export function createSupervisor(ports: SupervisorPorts): Supervisor {
  const { log } = ports;
  const processes = new Map<number, EnvoyProcess>();
  const cleanups = new Set<Promise<void>>();
  const timers = new Set<NodeJS.Timeout>();
  const lifetime = new AbortController();
  let state = initialState(ports.rules);
  let resolveEnded: (exit: Exit) => void = () => {};
  const ended = new Promise<Exit>((resolve) => {
    resolveEnded = resolve;
  });

  const dispatch = (event: SupervisorEvent): void => {
    const before = state;
    const next = step(before, event);
    state = next.state;
    ports.observe({ event, before, after: state, effects: next.effects });
    for (const effect of next.effects) run(effect);
  };

  const run = (effect: Effect): void => {
    switch (effect.kind) {
      case 'log':
        return log[effect.level](effect.message);
      case 'prepare':
        return background(prepare(effect));
      case 'spawn':
        return background(spawn(effect));
      case 'signal-envoy':
        return processes.get(effect.key)?.signal(effect.signal);
      case 'undo':
        return background(
          ports.undo(effect).then((found) => dispatch({ kind: 'undone', id: effect.id, ...found })),
        );
      case 'retire':
        return cleanup(retire(effect.key));
      case 'watch-connections':
        return background(watchConnections(effect.key));
      case 'forget':
        return cleanup(ports.forget(effect.key));
      case 'timer':
        return startTimer(effect);
      case 'drain':
        return background(
          ports.drain(effect, lifetime.signal).then((why) => dispatch({ kind: 'drained', why })),
        );
      case 'drain-and-stay':
        return background(ports.drainAndStay());
      case 'record':
        return ports.record(effect);
      case 'end':
        return background(finish(effect.exit));
    }
  };

  const prepare = async (effect: EffectOf<'prepare'>): Promise<void> => {
    const result = await ports
      .prepare(effect)
      .catch((thrown: unknown): Preparation => ({ kind: 'rejected', reason: toError(thrown).message }));
    dispatch({ kind: 'prepared', id: effect.id, result });
  };

  const spawn = async (effect: EffectOf<'spawn'>): Promise<void> => {
    const { key } = effect;
    const envoy = ports.spawn(effect);
    const gone = new AbortController();
    background(
      ports.untilLive(effect, envoy, AbortSignal.any([gone.signal, lifetime.signal])).then(
        () => dispatch({ kind: 'live', key }),
        () => {},
      ),
    );
    const followed = follow(key, envoy);
    ports.onProcess(key, envoy, effect);
    await followed;
    gone.abort();
  };

  /** Waits for the end of an Envoy and reports it. */
  const follow = async (key: number, envoy: EnvoyProcess): Promise<void> => {
    processes.set(key, envoy);
    const status = await envoy.exited;
    processes.delete(key);
    dispatch({
      kind: 'exited',
      key,
      exitCode: exitCodeOf(status, constants.signals),
      how: describeExit(status),
    });
  };

  const retire = async (key: number): Promise<void> => {
    const envoy = processes.get(key);
    if (envoy !== undefined) await ports.retire(key, envoy, lifetime.signal);
  };

  const watchConnections = async (key: number): Promise<void> => {
    const envoy = processes.get(key);
    if (envoy !== undefined && (await ports.untilIdle(envoy, lifetime.signal)))
      dispatch({ kind: 'idle', key });
  };

  const startTimer = ({ name, key, after }: EffectOf<'timer'>): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      dispatch({ kind: 'timer', name, key });
    }, after);
    timers.add(timer);
  };

  const finish = async (exit: Exit): Promise<void> => {
    lifetime.abort();
    for (const timer of timers) clearTimeout(timer);
    for (const envoy of processes.values()) envoy.signal('SIGKILL');
    await Promise.all([...processes].map(([key, { exited }]) => exited.then(() => ports.forget(key))));
    await Promise.all(cleanups);
    resolveEnded(exit);
  };

  /** Work that reports through events; if it breaks, the agent is broken and must say so instead of hanging. */
  const background = (work: Promise<void>): void => {
    work.catch((thrown: unknown) => dispatch({ kind: 'failed', why: toError(thrown).message }));
  };

  const cleanup = (work: Promise<void>): void => {
    const settled = work
      .catch((thrown: unknown) => log.warn(toError(thrown).message))
      .finally(() => cleanups.delete(settled));
    cleanups.add(settled);
  };

  for (const [key, envoy] of ports.adopted) background(follow(key, envoy));
  return {
    dispatch,
    state: () => state,
    pid: (key) => processes.get(key)?.pid,
    livingPids: () => [...processes.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    ended,
  };
}
