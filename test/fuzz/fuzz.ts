import { createRandom } from '../storm/random.ts';
import type { OnClose } from '../support/on-close.ts';
import { fuzzAnswer, fuzzBody } from './bodies.ts';
import { startServers } from './servers.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Asked before each round, whether there is to be one. */
  readonly goOn: (round: number) => boolean;
}

export interface FuzzReport {
  readonly rounds: number;
  /** What went wrong, and the seed of the round, with which it alone is repeated. */
  readonly problems: readonly string[];
}

const BODIES_PER_ROUND = 20;
const MAX_PROBLEMS = 20;

/** Rounds of spoiled bodies, answers and requests. Each round has a seed of its own: the first one `seed`, then one more. */
export async function fuzz(onClose: OnClose, { seed, goOn }: FuzzOptions): Promise<FuzzReport> {
  const problems: string[] = [];
  let round = 0;
  // The servers draw from numbers of their own, which depend on who comes when.
  const servers = await startServers(onClose, createRandom(seed));
  for (; problems.length < MAX_PROBLEMS && goOn(round); round += 1) {
    const own = seed + round;
    const random = createRandom(own);
    const attempt = async (what: string, run: () => void | Promise<void>) => {
      try {
        await run();
      } catch (thrown) {
        problems.push(`seed ${own}, ${what}: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
      }
    };
    for (let i = 0; i < BODIES_PER_ROUND; i += 1) {
      await attempt('a body', () => fuzzBody(random));
      await attempt('an answer', () => fuzzAnswer(random));
    }
    await attempt('a client', () => servers.round());
  }
  return { rounds: round, problems };
}
