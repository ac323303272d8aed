import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activeEpoch } from '../../../src/agent/epochs/state.ts';
import { createWorld, type World } from './world.ts';

/** One thing that somebody does, or the n-th of the things that may happen by themselves. */
type Move =
  | { readonly kind: 'ask' }
  | { readonly kind: 'signal' }
  | { readonly kind: 'quit' }
  | { readonly kind: 'drain' }
  | { readonly kind: 'happen'; readonly index: number };

const happens = fc.nat(20).map((index): Move => ({ kind: 'happen', index }));
const asks = fc.constant<Move>({ kind: 'ask' });
const leaves = fc.constantFrom<Move>({ kind: 'signal' }, { kind: 'quit' }, { kind: 'drain' });
const staying = fc.array(fc.oneof({ weight: 5, arbitrary: happens }, { weight: 1, arbitrary: asks }), {
  maxLength: 60,
});
const anything = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: happens },
    { weight: 3, arbitrary: asks },
    { weight: 1, arbitrary: leaves },
  ),
  { maxLength: 60 },
);
const configs = fc.infiniteStream(fc.constantFrom('good' as const, 'good' as const, 'bad' as const));

function play(world: World, moves: readonly Move[]): number {
  let asked = 0;
  world.dispatch({ kind: 'start' });
  for (const move of moves) {
    if (move.kind === 'ask') world.ask(asked++);
    else if (move.kind === 'signal') world.dispatch({ kind: 'signal', signal: 'SIGTERM', exitCode: 143 });
    else if (move.kind === 'quit') world.dispatch({ kind: 'quit' });
    else if (move.kind === 'drain') world.dispatch({ kind: 'drain-asked' });
    else {
      const options = world.pending();
      const chosen = options[move.index % Math.max(1, options.length)];
      if (chosen !== undefined) world.happen(chosen);
    }
  }
  return asked;
}

/** Lets everything that is under way come to its good end. */
function settle(world: World): void {
  const good = [
    'valid',
    'rejected',
    'obey',
    'live',
    'freed',
    'look-again',
    'leaves',
    'told',
    'backoff',
    'drained',
    'grace',
    'reap',
  ];
  for (let steps = 0; steps < 500; steps += 1) {
    const next = good.flatMap((what) => world.pending().filter((each) => each.what === what))[0];
    if (next === undefined) return;
    world.happen(next);
  }
  throw new Error('it never comes to rest');
}

describe('whatever happens, in whatever order', () => {
  // The invariants themselves (one active epoch, three processes, no skipped number, no SIGTERM to a child, ...) are
  // checked by the world after every single event.
  it('keeps every invariant of the epochs', () => {
    fc.assert(
      fc.property(anything, configs, (moves, stream) => {
        play(
          createWorld({}, () => stream.next().value),
          moves,
        );
      }),
      { numRuns: 5_000 },
    );
  });

  it('gives every trigger exactly one outcome', () => {
    fc.assert(
      fc.property(anything, configs, (moves, stream) => {
        const world = createWorld({}, () => stream.next().value);
        const asked = play(world, moves);
        settle(world);
        expect([...world.outcomes.keys()].sort((a, b) => a - b)).toEqual([...Array(asked).keys()]);
      }),
      { numRuns: 3_000 },
    );
  });

  it('makes a valid configuration LIVE when it is asked for afterwards', () => {
    fc.assert(
      fc.property(staying, configs, (moves, stream) => {
        let settled = false;
        const world = createWorld({ maxRestarts: 1_000 }, () => (settled ? 'good' : stream.next().value));
        const asked = play(world, moves);
        settled = true;
        settle(world);
        world.ask(asked);
        settle(world);
        expect(world.outcomes.get(asked)).toBe('live');
        expect(activeEpoch(world.state())).toBeDefined();
      }),
      { numRuns: 3_000 },
    );
  });

  it('ends when it is told to, once, and leaves no process', () => {
    fc.assert(
      fc.property(anything, configs, (moves, stream) => {
        const world = createWorld({}, () => stream.next().value);
        play(world, moves);
        world.dispatch({ kind: 'signal', signal: 'SIGTERM', exitCode: 143 });
        settle(world);
        expect(world.state().lifecycle.kind).toBe('ended');
        expect(world.effects.filter(({ kind }) => kind === 'end')).toHaveLength(1);
        const killed = new Set(
          world.effects.flatMap((each) => (each.kind === 'signal-envoy' ? [each.key] : [])),
        );
        for (const { key } of world.state().epochs) expect(killed).toContain(key);
      }),
      { numRuns: 3_000 },
    );
  });

  it('starts Envoy again no more often than it may', () => {
    fc.assert(
      fc.property(fc.nat(5), fc.array(happens, { maxLength: 100 }), (maxRestarts, moves) => {
        const world = createWorld({ maxRestarts });
        play(world, moves);
        const steadies = world.effects.filter(
          (each) => each.kind === 'timer' && each.name === 'steady',
        ).length;
        const fresh = world.effects.filter((each) => each.kind === 'spawn' && each.start === 'fresh').length;
        expect(fresh).toBeLessThanOrEqual(1 + maxRestarts * (1 + steadies));
      }),
      { numRuns: 2_000 },
    );
  });
});
