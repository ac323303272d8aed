import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activeEpoch, initialState, type SupervisorEvent } from '../../src/agent/epochs/state.ts';
import { step } from '../../src/agent/epochs/step.ts';
import { emptyHistory, type History, record, report } from '../../src/agent/history.ts';
import { rules } from './epochs/world.ts';

const MINUTE = 60_000;

/** A supervisor that carries nothing out, at a time that the test moves on, and its history. */
function supervisor(changed: Partial<typeof rules> = {}) {
  let state = initialState({ ...rules, ...changed });
  let history: History = emptyHistory;
  let now = 1_000_000;
  let triggers = 0;
  const machine = {
    after: (ms: number) => {
      now += ms;
      return machine;
    },
    dispatch: (...events: readonly SupervisorEvent[]) => {
      for (const event of events) {
        const { state: after, effects } = step(state, event);
        history = record(history, { at: now, event, before: state, after, effects });
        state = after;
      }
      return machine;
    },
    ask: (detail = 'SIGHUP') =>
      machine.dispatch({ kind: 'restart-asked', triggers: [{ id: triggers++, kind: 'signal', detail }] }),
    valid: (config = 'good') =>
      machine.dispatch({ kind: 'prepared', id: attempt(), result: { kind: 'valid', config } }),
    rejected: (reason: string) =>
      machine.dispatch({ kind: 'prepared', id: attempt(), result: { kind: 'rejected', reason } }),
    idle: () => {
      const old = state.epochs.filter(({ phase }) => phase === 'draining');
      return machine.dispatch(...old.map(({ key }) => ({ kind: 'idle', key }) as const));
    },
    live: () => machine.dispatch({ kind: 'live', key: initializing() }),
    crash: (how = 'signal SIGKILL') =>
      machine.dispatch({
        kind: 'exited',
        key: activeEpoch(state)?.key ?? initializing(),
        exitCode: 137,
        how,
      }),
    leaves: (key: number, how = 'exit status 0') =>
      machine.dispatch({ kind: 'exited', key, exitCode: 0, how }),
    started: () => machine.dispatch({ kind: 'start' }).after(50).valid().after(200).live(),
    history: () => history,
    report: () =>
      report(history, {
        version: '1',
        pid: 1,
        nodeId: 'node',
        now,
        startedAt: 0,
        readiness: { ready: true },
        processes: new Map([[1, { pid: 4242, baseId: 7, connections: 3, residentBytes: 1e6 }]]),
      }),
    state: () => state,
    now: () => now,
  };
  const attempt = () => (state.attempt?.kind === 'preparing' ? state.attempt.id : -1);
  const initializing = () => state.epochs.find(({ phase }) => phase === 'initializing')?.key ?? -1;
  return machine;
}

describe('epochs', () => {
  it('have the time at which each phase began', () => {
    const world = supervisor().started().after(10_000).ask().after(100).valid('new').after(300).live();
    world.after(45_000).leaves(1);
    expect(world.report().epochs).toEqual([
      {
        key: 1,
        epoch: 0,
        pid: 4242,
        baseId: 7,
        connections: 3,
        residentBytes: 1e6,
        phase: 'gone',
        config: 'good',
        exit: 'exit status 0',
        since: { initializing: 1_000_050, serving: 1_000_250, draining: 1_010_650, gone: 1_055_650 },
      },
      {
        key: 3,
        epoch: 1,
        phase: 'serving',
        config: 'new',
        since: { initializing: 1_010_350, serving: 1_010_650 },
      },
    ]);
  });

  it('are told to leave when nobody else does', () => {
    const world = supervisor().started().ask().valid().live();
    world.after(MINUTE).dispatch({ kind: 'timer', name: 'reap', key: 1 });
    expect(world.report().epochs[0]).toMatchObject({ phase: 'leaving', since: { leaving: world.now() } });
  });

  it('stay for ten minutes after their end, and no more than twelve of them', () => {
    const world = supervisor({ maxRestarts: 100 }).started();
    for (let i = 0; i < 15; i += 1) world.after(1_000).ask().valid().live().leaves(activeBefore(world));
    expect(world.report().epochs.map(({ phase }) => phase)).toEqual([...Array(12).fill('gone'), 'serving']);
    world.after(10 * MINUTE - 3_000);
    expect(world.report().epochs).toHaveLength(5);
    world.after(3_001);
    expect(world.report().epochs).toHaveLength(1);
  });

  it('of an agent before this one are there from the start', () => {
    const adopted = [
      { number: 3, config: 'old', serving: false },
      { number: 4, config: 'good', serving: true },
    ];
    const world = supervisor()
      .dispatch({ kind: 'start', adopted })
      .after(80)
      .valid()
      .idle()
      .after(200)
      .live();
    expect(world.report().epochs.map(({ epoch, phase }) => [epoch, phase])).toEqual([
      [3, 'drained'],
      [4, 'draining'],
      [5, 'serving'],
    ]);
    expect(world.report().restarts).toEqual([
      {
        at: 1_000_000,
        durationMs: 280,
        triggers: ['taking over from the agent before'],
        epoch: 5,
        outcome: 'live',
        reason: '',
      },
    ]);
  });
});

describe('restarts', () => {
  it('are not the first start', () => {
    expect(supervisor().started().report().restarts).toEqual([]);
  });

  it('take from the trigger to the outcome', () => {
    const world = supervisor().started().after(5_000).ask().after(100).valid().after(212).live();
    expect(world.report().restarts).toEqual([
      { at: 1_005_250, durationMs: 312, triggers: ['SIGHUP'], epoch: 1, outcome: 'live', reason: '' },
    ]);
  });

  it('whose trigger had to wait take from the moment when their turn came', () => {
    const world = supervisor().started().ask('first');
    world.after(100).ask('second').ask('third').ask('third').valid().after(200).live();
    world.after(30).valid().idle().after(70).live();
    expect(world.report().restarts).toMatchObject([
      { triggers: ['second', 'third (2 times)'], durationMs: 100, epoch: 2 },
      { triggers: ['first'], durationMs: 300, epoch: 1 },
    ]);
  });

  it('that fail say why', () => {
    const world = supervisor().started().ask().after(40).rejected('no such cluster');
    world.after(1_000).ask().valid().after(60);
    world.dispatch({ kind: 'exited', key: 4, exitCode: 139, how: 'signal SIGSEGV' });
    expect(world.report().restarts).toMatchObject([
      {
        outcome: 'failed',
        durationMs: 60,
        epoch: 1,
        reason: 'epoch 1 ended before it was LIVE: signal SIGSEGV',
      },
      { outcome: 'rejected', durationMs: 40, epoch: 1, reason: 'no such cluster' },
    ]);
    expect(world.report().attempt).toMatchObject({ step: 'undoing', epoch: 1, triggers: ['SIGHUP'] });
  });

  it('that are asked for when the agent leaves are refused', () => {
    const world = supervisor().started().ask();
    world.after(70).dispatch({ kind: 'signal', signal: 'SIGTERM', exitCode: 143 }).after(10).ask();
    expect(world.report()).toMatchObject({
      lifecycle: 'draining',
      restarts: [
        { outcome: 'refused', durationMs: 0 },
        { outcome: 'refused', durationMs: 70 },
      ],
    });
  });

  it('are the last twenty, newest first', () => {
    const world = supervisor().started();
    for (let i = 0; i < 25; i += 1) world.after(1_000).ask(`ask ${i}`).rejected('bad');
    const { restarts } = world.report();
    expect(restarts).toHaveLength(20);
    expect(restarts[0]?.triggers).toEqual(['ask 24']);
  });

  it('have no negative duration when the clock is set back', () => {
    const world = supervisor().started().ask().after(-9_000).valid().live();
    expect(world.report().restarts[0]?.durationMs).toBe(0);
  });
});

describe('recoveries', () => {
  it('have a row each, from the crash until Envoy is LIVE again', () => {
    const world = supervisor().started().after(5_000).crash().after(50).valid().after(150).live();
    expect(world.report().restarts).toEqual([
      {
        at: 1_005_250,
        durationMs: 200,
        triggers: ['Envoy ended: signal SIGKILL'],
        epoch: 0,
        outcome: 'live',
        reason: '',
      },
    ]);
  });

  it('have a row for each start that fails, too', () => {
    const world = supervisor().started().crash().valid().after(90).crash('signal SIGSEGV');
    expect(world.report()).toMatchObject({ lifecycle: 'backing-off' });
    world.after(200).dispatch({ kind: 'timer', name: 'backoff', key: 0 });
    expect(world.report().attempt).toMatchObject({
      step: 'preparing',
      triggers: ['Envoy ended: signal SIGSEGV'],
    });
    world.valid().after(100).live();
    expect(world.report().restarts).toMatchObject([
      { outcome: 'live', durationMs: 300, triggers: ['Envoy ended: signal SIGSEGV'] },
      { outcome: 'failed', durationMs: 90, reason: 'Envoy ended: signal SIGSEGV' },
    ]);
  });

  it('share a row with the new configuration that ends them', () => {
    const world = supervisor()
      .started()
      .after(1_000)
      .crash()
      .valid()
      .after(3_000)
      .ask('mesh config changed')
      .valid();
    world.dispatch({ kind: 'exited', key: 3, exitCode: 137, how: 'signal SIGKILL' }).after(100).live();
    expect(world.report().restarts).toMatchObject([
      {
        outcome: 'live',
        durationMs: 3_100,
        triggers: ['Envoy ended: signal SIGKILL', 'mesh config changed'],
      },
    ]);
  });

  it.each([
    ['the budget is spent', { maxRestarts: 1 }, 'failed', 'Envoy ended: signal SIGSEGV'],
    ['the agent is told to leave', {}, 'refused', 'the agent is leaving'],
  ] as const)('end when %s', (_, options, outcome, reason) => {
    const world = supervisor(options).started().crash().valid().after(10);
    if (outcome === 'failed') world.crash('signal SIGSEGV');
    else world.dispatch({ kind: 'signal', signal: 'SIGTERM', exitCode: 143 });
    expect(world.report().restarts).toMatchObject([{ outcome, reason, durationMs: 10 }]);
  });
});

describe('the attempt under way', () => {
  it('says what it waits for', () => {
    const world = supervisor().dispatch({ kind: 'start' });
    const attempt = () => world.report().attempt;
    expect(attempt()).toEqual({ at: 1_000_000, triggers: [], epoch: 0, step: 'preparing' });
    expect(world.after(10).valid().report().attempt).toMatchObject({ at: 1_000_000, step: 'starting' });
    expect(world.live().report()).not.toHaveProperty('attempt');
    world.ask().valid().live();
    world.ask('POST /restart').after(20).valid();
    expect(attempt()).toEqual({ at: 1_000_010, triggers: ['POST /restart'], epoch: 2, step: 'waiting' });
  });
});

it('whatever happens, tells of every process once and of every trigger with an outcome', () => {
  const moves = fc.constantFrom('ask', 'valid', 'rejected', 'live', 'crash', 'leaves', 'backoff', 'undone');
  fc.assert(
    fc.property(fc.array(moves, { maxLength: 60 }), (played) => {
      const world = supervisor().dispatch({ kind: 'start' });
      const seen = new Set<number>();
      for (const move of played) {
        world.after(10);
        if (move === 'rejected') world.rejected('bad');
        else if (move === 'leaves') world.leaves(activeBefore(world));
        else if (move === 'backoff') world.dispatch({ kind: 'timer', name: 'backoff', key: 0 });
        else if (move === 'undone') {
          const { attempt } = world.state();
          if (attempt?.kind === 'undoing')
            world.dispatch({ kind: 'undone', id: attempt.id, freed: true, admin: 'open' });
        } else world[move]();
        for (const { key } of world.state().epochs) seen.add(key);
        const { epochs, restarts, attempt } = world.report();
        const living = world.state().epochs.map(({ key, phase }) => [key, phase]);
        expect(epochs.filter(({ phase }) => phase !== 'gone').map(({ key, phase }) => [key, phase])).toEqual(
          living,
        );
        expect(epochs.filter(({ phase }) => phase === 'gone').length).toBe(
          Math.min(12, seen.size - living.length),
        );
        expect(attempt === undefined).toBe(world.state().attempt === undefined);
        for (const { at, durationMs, triggers } of restarts) {
          expect(triggers).not.toEqual([]);
          expect(at + durationMs).toBeLessThanOrEqual(world.now());
        }
      }
    }),
  );
});

/** The epoch that was replaced last. */
function activeBefore(world: ReturnType<typeof supervisor>): number {
  return world.state().epochs.find(({ phase }) => phase === 'draining')?.key ?? -1;
}
