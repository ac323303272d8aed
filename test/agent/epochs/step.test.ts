import { describe, expect, it } from 'vitest';
import {
  activeEpoch,
  type Effect,
  type SupervisorEvent,
  type TriggerKind,
} from '../../../src/agent/epochs/state.ts';
import { createWorld, type World } from './world.ts';

const sigterm: SupervisorEvent = { kind: 'signal', signal: 'SIGTERM', exitCode: 143 };

/** Lets the named things happen in turn, each to the newest process that it can happen to; the oldest is told to leave. */
function happen(world: World, ...whats: readonly string[]): World {
  for (const what of whats) {
    const options = world.pending().filter((each) => each.what === what);
    const next = what === 'leaves' ? options[0] : options.at(-1);
    if (next === undefined) {
      throw new Error(`"${what}" cannot happen; what can: ${world.pending().map((each) => each.what)}`);
    }
    world.happen(next);
  }
  return world;
}

function started(options = {}): World {
  const world = createWorld(options);
  world.dispatch({ kind: 'start' });
  return happen(world, 'valid', 'live');
}

const crash = (world: World, exitCode = 137) => {
  const key = activeEpoch(world.state())?.key ?? -1;
  world.dispatch({ kind: 'exited', key, exitCode, how: 'signal SIGKILL' });
};
const kinds = (world: World) => world.effects.map(({ kind }) => kind).filter((kind) => kind !== 'log');
const last = (world: World) => world.effects.at(-1);
const spawned = (world: World) =>
  world.effects.flatMap((each) => (each.kind === 'spawn' ? [`${each.start} ${each.number}`] : []));
const signals = (world: World) =>
  world.effects.flatMap((each: Effect) => (each.kind === 'signal-envoy' ? [each.signal] : []));

describe('the first start', () => {
  it('starts epoch 0 once', () => {
    const world = createWorld();
    world.dispatch({ kind: 'start' });
    world.dispatch({ kind: 'start' });
    happen(world, 'valid', 'live');
    expect(spawned(world)).toEqual(['fresh 0']);
  });

  it('is not tried again when Envoy refuses the bootstrap', () => {
    const world = createWorld();
    world.dispatch({ kind: 'start' });
    happen(world, 'valid');
    world.dispatch({
      kind: 'exited',
      key: world.state().epochs[0]?.key ?? -1,
      exitCode: 1,
      how: 'exit status 1',
    });
    expect(last(world)).toMatchObject({ kind: 'end', exit: { code: 1 } });
  });

  it('that waits for its control plane for ever gives way to a new configuration', () => {
    const world = createWorld();
    world.dispatch({ kind: 'start' });
    happen(world, 'valid');
    world.ask(0);
    happen(world, 'valid', 'obey', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'fresh 0']);
    expect(world.outcomes.get(0)).toBe('live');
  });
});

describe('a hot restart', () => {
  it('starts the next epoch, and the old one drains until it is told to leave', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'live');
    expect(world.state().epochs.map(({ number, phase }) => [number, phase])).toEqual([
      [0, 'draining'],
      [1, 'serving'],
    ]);
    happen(world, 'leaves');
    expect(world.state().epochs).toHaveLength(1);
    expect(signals(world)).toEqual([]);
  });

  it('changes nothing when the configuration is rejected', () => {
    const world = createWorld({}, () => 'bad');
    world.dispatch({ kind: 'start' });
    happen(world, 'valid', 'live');
    world.ask(0);
    happen(world, 'rejected');
    expect(world.outcomes.get(0)).toBe('rejected');
    expect(spawned(world)).toEqual(['fresh 0']);
  });

  it('gathers what is asked for meanwhile into one more', () => {
    const world = started();
    for (const id of [0, 1, 2]) world.ask(id);
    happen(world, 'valid', 'live', 'valid', 'told', 'leaves', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1', 'hot 2']);
    expect([...world.outcomes.values()]).toEqual(['live', 'live', 'live']);
  });

  it('is not checked again when it only starts what runs, unless another binary may', () => {
    const proven = (kind: TriggerKind) => {
      const world = started();
      world.dispatch({ kind: 'restart-asked', triggers: [{ id: 0, kind, detail: '' }] });
      return world.effects.flatMap((each) => (each.kind === 'prepare' && each.check ? [each.proven] : []));
    };
    expect((['signal', 'request', 'input', 'binary'] as const).map(proven)).toEqual([
      ['good'],
      ['good'],
      ['good'],
      [undefined],
    ]);
  });

  it('waits until the epoch before has lost its clients, whom Envoy would cut off', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'live');
    world.ask(1);
    happen(world, 'valid');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1']);
    happen(world, 'told', 'leaves');
    expect(spawned(world).at(-1)).toBe('hot 2');
  });

  it('does not wait for the time of an old epoch that has no client left', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'live');
    world.ask(1);
    happen(world, 'valid', 'idle', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1', 'hot 2']);
    expect(signals(world)).toEqual([]);
  });

  it('goes to a new family when the epoch before dies early, for its child will abort over that', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'live', 'leaves', 'valid', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1', 'overlap 0']);
    expect(kinds(world)).toContain('retire');
  });

  it('does so as well when it dies while the next child starts, which is killed before it makes its parent abort', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'live');
    world.ask(1);
    happen(world, 'valid', 'idle');
    const [{ key } = { key: -1 }] = world.state().epochs;
    world.dispatch({ kind: 'exited', key, exitCode: 137, how: 'signal SIGKILL' });
    expect(signals(world)).toEqual(['SIGKILL']);
    happen(world, 'obey', 'valid', 'live', 'valid', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1', 'hot 2', 'overlap 0', 'hot 1']);
    expect(world.outcomes.get(1)).toBe('live');
  });

  it('does so as well when it is killed just before it would be told, and only then', () => {
    const killed = started();
    killed.ask(0);
    happen(killed, 'valid', 'live', 'told');
    const [{ key } = { key: -1 }] = killed.state().epochs;
    killed.dispatch({ kind: 'exited', key, exitCode: 137, how: 'signal SIGKILL' });
    happen(killed, 'valid', 'live');
    expect(spawned(killed)).toEqual(['fresh 0', 'hot 1', 'overlap 0']);

    const told = started();
    told.ask(0);
    happen(told, 'valid', 'live', 'told', 'leaves');
    expect(told.state().attempt).toBeUndefined();
  });

  it('goes to a new family when the hot restart that was to bring the admin back fails as well', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'start-timeout', 'obey', 'freed, admin closed');
    happen(world, 'valid', 'start-timeout', 'obey', 'freed, admin closed', 'valid', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1', 'hot 1', 'overlap 0']);
  });

  it('lets the next child go on when the epoch before ends as it was told to', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'live');
    world.ask(1);
    happen(world, 'valid', 'idle');
    const [{ key } = { key: -1 }] = world.state().epochs;
    world.dispatch({ kind: 'exited', key, exitCode: 0, how: 'exit status 0' });
    happen(world, 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1', 'hot 2']);
  });

  it('abandons a child that is not LIVE in time with SIGKILL, and tries the same number again (traps 3 and 7)', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'start-timeout', 'obey', 'freed');
    expect(signals(world)).toEqual(['SIGKILL']);
    expect(world.outcomes.get(0)).toBe('failed');
    world.ask(1);
    happen(world, 'valid', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1', 'hot 1']);
  });

  it('brings back an admin that a failed child has closed (trap 2)', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'crash', 'freed, admin closed', 'valid', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1', 'hot 1']);
  });

  it('waits for a parent that hangs, and brings its admin back when it goes on', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'start-timeout', 'obey', 'hangs');
    world.ask(1);
    happen(world, 'look-again', 'hangs', 'look-again');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1']);
    happen(world, 'freed, admin closed', 'valid', 'live', 'valid', 'idle', 'live');
    expect(world.outcomes.get(1)).toBe('live');
  });

  it('tries a configuration that has failed again when somebody asks, but not because its files have changed', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid, new', 'crash', 'freed');
    world.dispatch({ kind: 'restart-asked', triggers: [{ id: 1, kind: 'input', detail: 'a file changed' }] });
    happen(world, 'valid, new');
    expect(world.outcomes.get(1)).toBe('failed');
    expect(spawned(world)).toEqual(['fresh 0', 'hot 1']);
    world.ask(2);
    happen(world, 'valid, new', 'live');
    expect(world.outcomes.get(2)).toBe('live');
  });

  it('repairs with what served before, though more is asked for', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid, new');
    world.ask(1);
    happen(world, 'crash', 'freed, admin closed');
    const prepared = world.effects.findLast((each) => each.kind === 'prepare');
    expect(prepared).toMatchObject({ source: { kind: 'saved', config: 'good' } });
    happen(world, 'valid', 'live', 'valid', 'idle', 'live');
    expect(world.outcomes.get(1)).toBe('live');
  });

  it('goes to a new family when the flag could not be freed (trap 1)', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'crash', 'not freed');
    world.ask(1);
    happen(world, 'valid', 'live');
    expect(spawned(world).at(-1)).toBe('overlap 0');
    expect(kinds(world)).toContain('retire');
    expect(world.state().wedged).toBe(false);
  });

  it('reaps an old epoch that nobody told to leave', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'live', 'told', 'reap', 'reap');
    expect(signals(world)).toEqual(['SIGTERM', 'SIGKILL']);
  });
});

describe('a crash', () => {
  it('is answered at once, and without a parent', () => {
    const world = started();
    crash(world);
    happen(world, 'valid', 'live');
    expect(spawned(world)).toEqual(['fresh 0', 'fresh 0']);
    expect(world.effects.some((each) => each.kind === 'timer' && each.name === 'backoff')).toBe(false);
  });

  it('is answered after 200 ms the second time, then 400, and so on', () => {
    const world = started();
    crash(world);
    for (const _ of [1, 2, 3]) {
      happen(world, 'valid', 'crash', 'backoff');
    }
    const pauses = world.effects.flatMap((each) =>
      each.kind === 'timer' && each.name === 'backoff' ? [each.after as number] : [],
    );
    expect(pauses).toEqual([200, 400, 800]);
  });

  it('ends the agent when the budget is spent, with the last reason', () => {
    const world = started({ maxRestarts: 1 });
    crash(world);
    happen(world, 'valid', 'live');
    crash(world);
    expect(last(world)).toMatchObject({
      kind: 'end',
      exit: { code: 137, why: 'Envoy ended: signal SIGKILL' },
    });
  });

  it('ends the agent at once with --maxRestarts 0', () => {
    const world = started({ maxRestarts: 0 });
    crash(world, 139);
    expect(last(world)).toMatchObject({ kind: 'end', exit: { code: 139 } });
  });

  it('is forgotten after a minute LIVE', () => {
    const world = started({ maxRestarts: 1 });
    crash(world);
    happen(world, 'valid', 'live', 'steady');
    const steadies = world.pending().filter(({ what }) => what === 'steady');
    for (const each of steadies) world.happen(each);
    crash(world);
    expect(world.state().lifecycle.kind).toBe('running');
  });

  it('is forgotten after a minute of service, whatever hot restarts there were in it', () => {
    const world = started({ maxRestarts: 1 });
    crash(world);
    happen(world, 'valid', 'live');
    const [, steady] = world.pending().filter(({ what }) => what === 'steady');
    world.ask(0);
    happen(world, 'valid', 'live');
    if (steady !== undefined) world.happen(steady);
    crash(world);
    expect(world.state().lifecycle.kind).toBe('running');
  });

  it('is not forgotten for a minute that began before it', () => {
    const world = started({ maxRestarts: 1 });
    crash(world);
    happen(world, 'valid', 'live');
    const [before] = world.pending().filter(({ what }) => what === 'steady');
    if (before !== undefined) world.happen(before);
    crash(world);
    expect(world.state().lifecycle.kind).toBe('ended');
  });

  it('of the active epoch, while the old one drains, goes to a new family at once (trap 4)', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid', 'live');
    crash(world);
    happen(world, 'valid', 'live');
    expect(world.state().epochs.map(({ family, phase }) => [family, phase])).toEqual([
      [0, 'draining'],
      [1, 'serving'],
    ]);
  });

  it('of the Envoy that starts again, while another configuration is prepared, goes back to what served', () => {
    const world = started();
    crash(world);
    happen(world, 'valid');
    world.ask(0);
    happen(world, 'crash', 'backoff', 'valid', 'live');
    expect(activeEpoch(world.state())?.config).toBe('good');
    happen(world, 'valid', 'live');
    expect(world.outcomes.get(0)).toBe('live');
  });

  it('of a parent, while its child initializes, kills the child and asks again', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid');
    crash(world);
    happen(world, 'obey', 'valid', 'live', 'valid', 'live');
    expect(world.outcomes.get(0)).toBe('live');
  });

  it('is none when Envoy left with 0: somebody asked it to', () => {
    const world = started();
    crash(world, 0);
    expect(last(world)).toMatchObject({ kind: 'end', exit: { code: 0 } });
  });
});

describe('leaving', () => {
  it('drains on SIGTERM, then sends SIGTERM to Envoy, and ends with 0', () => {
    const world = started();
    world.dispatch(sigterm);
    happen(world, 'drained', 'obey');
    expect(kinds(world).slice(-6)).toEqual(['record', 'drain', 'signal-envoy', 'timer', 'forget', 'end']);
    expect(last(world)).toMatchObject({ exit: { code: 0 } });
  });

  it('sends SIGKILL to an Envoy that ignores SIGTERM', () => {
    const world = started();
    world.dispatch(sigterm);
    happen(world, 'drained', 'grace', 'obey');
    expect(signals(world)).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('ends with the code of an Envoy that crashed while it drained', () => {
    const world = started();
    world.dispatch(sigterm);
    crash(world, 139);
    expect(last(world)).toMatchObject({ exit: { code: 139 } });
  });

  it('ends at once on a second signal', () => {
    const world = started();
    world.dispatch(sigterm);
    world.dispatch(sigterm);
    expect(kinds(world).slice(-2)).toEqual(['signal-envoy', 'end']);
    expect(last(world)).toMatchObject({ exit: { code: 143 } });
  });

  it('does not drain on /quitquitquit', () => {
    const world = started();
    world.dispatch({ kind: 'quit' });
    happen(world, 'obey');
    expect(kinds(world)).not.toContain('drain');
    expect(last(world)).toMatchObject({ kind: 'end', exit: { code: 0 } });
  });

  it('drains and stays on /drain, and does not ask Envoy again on SIGTERM', () => {
    const world = started();
    world.dispatch({ kind: 'drain-asked' });
    world.dispatch({ kind: 'drain-asked' });
    world.dispatch(sigterm);
    expect(kinds(world).filter((kind) => kind === 'drain-and-stay')).toHaveLength(1);
    expect(last(world)).toEqual({ kind: 'drain', alreadyAsked: true });
  });

  it('kills a child that initializes and refuses what asked for it', () => {
    const world = started();
    world.ask(0);
    happen(world, 'valid');
    world.dispatch(sigterm);
    expect(signals(world)).toEqual(['SIGKILL']);
    expect(world.outcomes.get(0)).toBe('refused');
  });
});

describe('adoption', () => {
  it('takes over by a hot restart to the next epoch', () => {
    const world = createWorld();
    world.dispatch({ kind: 'start', adopted: [{ number: 4, config: 'old', serving: true }] });
    happen(world, 'valid', 'live');
    expect(spawned(world)).toEqual(['hot 5']);
  });

  it('of epochs that only drain is a fresh start beside them', () => {
    const world = createWorld();
    world.dispatch({ kind: 'start', adopted: [{ number: 4, config: 'old', serving: false }] });
    happen(world, 'valid', 'live');
    expect(spawned(world)).toEqual(['fresh 0']);
  });
});
