import { summarize } from '../../bench/harness.ts';

/** What the agent has at one moment. */
export interface Sample {
  readonly residentMb: number;
  readonly privateMb: number;
  readonly files: number;
  readonly threads: number;
}

export type Allowances = Readonly<Record<keyof Sample, number>>;

/**
 * What the last quarter may have more than the second: by then V8 has compiled what is hot. A leak of a file for each hot restart,
 * or of 10 kB for each scrape, goes through this within ten minutes.
 */
export const FOR_MINUTES: Allowances = { residentMb: 4, privateMb: 4, files: 3, threads: 1 };
/** V8 still compiles, and its heap grows to its size. */
export const FOR_SECONDS: Allowances = { residentMb: 24, privateMb: 24, files: 6, threads: 2 };

export interface Growth {
  readonly what: keyof Sample;
  /** Medians. */
  readonly second: number;
  readonly last: number;
  readonly allowed: number;
}

/** Compares the second quarter of the samples with the last: the first is the start's. */
export function growthOf(samples: readonly Sample[], allowances: Allowances): readonly Growth[] {
  const quarter = samples.length / 4;
  const between = (from: number, to: number) =>
    samples.slice(Math.floor(quarter * from), Math.floor(quarter * to));
  const [second, last] = [between(1, 2), between(3, 4)];
  const median = (of: readonly Sample[], what: keyof Sample) =>
    summarize(of.map((sample) => sample[what])).median;
  return (['residentMb', 'privateMb', 'files', 'threads'] as const).map((what) => ({
    what,
    second: median(second, what),
    last: median(last, what),
    allowed: allowances[what],
  }));
}

/** Too few samples are no flat line. */
export const isFlat = ({ second, last, allowed }: Growth): boolean => last - second <= allowed;
