/** Turns the effects of `epochs.ts` into processes and timers, and their results into events. */
import { constants } from 'node:os';
import { describeExit, type EnvoyProcess, exitCodeOf } from '../envoy/process.ts';
import type { Millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import {
  type Effect,
  type Exit,
  initialState,
  type SupervisorEvent,
  type SupervisorState,
  step,
} from './epochs.ts';

/** What the supervisor does to the world; each is one small module, passed in. */
export interface SupervisorPorts {
  /** Writes the epoch's bootstrap and starts its Envoy. */
  spawn(epoch: number): Promise<EnvoyProcess>;
  /** Settles when Envoy is LIVE; rejects only when `signal` aborts. */
  untilLive(signal: AbortSignal): Promise<void>;
  /** Drains and waits; answers with why the drain is over. Has a deadline of its own, never rejects. */
  drain(options: { readonly alreadyAsked: boolean }, signal: AbortSignal): Promise<string>;
  drainAndStay(): Promise<void>;
  /** The epoch is gone: removes what was made for it. */
  forget(epoch: number): Promise<void>;
  readonly log: Logger;
  /** How long Envoy may take to obey SIGTERM. */
  readonly termGrace: Millis;
}

export interface Supervisor {
  dispatch(event: SupervisorEvent): void;
  state(): SupervisorState;
  /** Pids of the Envoys that live now, for the last resort when the agent itself is dying. */
  livingPids(): readonly number[];
  /** Settles when every process is gone and cleaned up after. */
  readonly ended: Promise<Exit>;
}

export function createSupervisor(ports: SupervisorPorts): Supervisor {
  const { log } = ports;
  const processes = new Map<number, EnvoyProcess>();
  const cleanups = new Set<Promise<void>>();
  const lifetime = new AbortController();
  let state = initialState;
  let resolveEnded: (exit: Exit) => void = () => {};
  const ended = new Promise<Exit>((resolve) => {
    resolveEnded = resolve;
  });

  const dispatch = (event: SupervisorEvent): void => {
    const next = step(state, event);
    state = next.state;
    for (const effect of next.effects) run(effect);
  };

  const run = (effect: Effect): void => {
    switch (effect.kind) {
      case 'log':
        return log[effect.level](effect.message);
      case 'spawn':
        return background(spawn(effect.epoch));
      case 'drain':
        return background(
          ports.drain(effect, lifetime.signal).then((why) => dispatch({ kind: 'drained', why })),
        );
      case 'drain-and-stay':
        return background(ports.drainAndStay());
      case 'signal-envoy':
        return processes.get(effect.epoch)?.signal(effect.signal);
      case 'start-grace':
        return startGrace();
      case 'forget':
        return track(ports.forget(effect.epoch));
      case 'end':
        return background(finish(effect.exit));
    }
  };

  const spawn = async (epoch: number): Promise<void> => {
    const envoy = await ports.spawn(epoch);
    processes.set(epoch, envoy);
    // The agent was told to end while the bootstrap was being written.
    if (state.lifecycle.kind === 'ended') envoy.signal('SIGKILL');
    const gone = new AbortController();
    background(
      ports.untilLive(AbortSignal.any([gone.signal, lifetime.signal])).then(
        () => dispatch({ kind: 'live', epoch }),
        () => {},
      ),
    );
    const status = await envoy.exited;
    gone.abort();
    processes.delete(epoch);
    dispatch({
      kind: 'exited',
      epoch,
      exitCode: exitCodeOf(status, constants.signals),
      how: describeExit(status),
    });
  };

  const startGrace = (): void => {
    const timer = setTimeout(() => dispatch({ kind: 'grace-over' }), ports.termGrace);
    lifetime.signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  };

  const finish = async (exit: Exit): Promise<void> => {
    lifetime.abort();
    for (const envoy of processes.values()) envoy.signal('SIGKILL');
    await Promise.all([...processes].map(([epoch, { exited }]) => exited.then(() => ports.forget(epoch))));
    await Promise.all(cleanups);
    resolveEnded(exit);
  };

  /** Work that reports through events; if it breaks, the agent is broken and must say so instead of hanging. */
  const background = (work: Promise<void>): void => {
    work.catch((thrown: unknown) => dispatch({ kind: 'failed', why: toError(thrown).message }));
  };

  const track = (work: Promise<void>): void => {
    const settled = work.catch((thrown: unknown) => log.warn(toError(thrown).message));
    cleanups.add(settled);
  };

  return {
    dispatch,
    state: () => state,
    livingPids: () => [...processes.values()].flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
    ended,
  };
}
