import { createRandom, type Random } from './random.ts';

/** What the storm does next. Which process that hits is decided when it happens. */
export type Move =
  | { readonly kind: 'sighup'; readonly times: number }
  | { readonly kind: 'post' }
  /** A valid configuration, another each time. */
  | { readonly kind: 'change'; readonly value: number }
  | { readonly kind: 'spoil'; readonly with: Spoiled }
  /** The epoch that serves. */
  | { readonly kind: 'kill-serving'; readonly signal: KillSignal }
  /** The one that drains, if one does. */
  | { readonly kind: 'kill-old'; readonly signal: KillSignal }
  /** Asks for a hot restart and kills the child after a while, wherever it then is. */
  | { readonly kind: 'kill-child'; readonly signal: KillSignal; readonly afterMs: number }
  | { readonly kind: 'stop'; readonly which: 'serving' | 'any'; readonly forMs: number };

export type KillSignal = 'SIGKILL' | 'SIGSEGV';
/** Not JSON; Envoy rejects it; Envoy accepts it and cannot bind; Envoy waits for ever with it. */
export type Spoiled = 'text' | 'field' | 'port' | 'wait';

export interface Planned {
  readonly pauseMs: number;
  readonly move: Move;
}

/** An Envoy that serves dies no more often than this: the agent waits longer after each death, and gives up after ten. */
export const DEATHS = { most: 4, within: 65_000 };

const LONGEST_PAUSE = 1_000;

/** Answers with one move of a storm after the other: the same for the same seed. */
export function createPlan(seed: number): () => Planned {
  const random = createRandom(seed);
  return () => ({ pauseMs: random.between(20, LONGEST_PAUSE), move: nextMove(random) });
}

function nextMove(random: Random): Move {
  const signal = random.pick<KillSignal>([
    [2, 'SIGKILL'],
    [1, 'SIGSEGV'],
  ]);
  return random.pick<Move>([
    [3, { kind: 'sighup', times: random.pick([[3, 1] as const, [1, 10] as const]) }],
    [3, { kind: 'post' }],
    [3, { kind: 'change', value: random.between(0, 1_000_000) }],
    [
      2,
      {
        kind: 'spoil',
        with: random.pick<Spoiled>([
          [1, 'text'],
          [2, 'field'],
          [2, 'port'],
          [1, 'wait'],
        ]),
      },
    ],
    [2, { kind: 'kill-serving', signal }],
    [2, { kind: 'kill-old', signal }],
    [3, { kind: 'kill-child', signal, afterMs: random.between(0, 400) }],
    [
      2,
      {
        kind: 'stop',
        which: random.pick([[1, 'serving'] as const, [1, 'any'] as const]),
        forMs: random.between(50, 2_500),
      },
    ],
  ]);
}
