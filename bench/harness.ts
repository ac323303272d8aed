import { cpus, loadavg, totalmem } from 'node:os';

/** One way of doing something. A run answers with its time in milliseconds. */
export interface Contender {
  readonly name: string;
  run(): Promise<number>;
}

export interface Comparison {
  readonly title: string;
  /** What `subject` is measured against. */
  readonly baseline: Contender;
  readonly subject: Contender;
  readonly rounds: number;
}

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** A machine that does something else as well measures that too. */
const MAX_LOAD_PER_CPU = 0.5;
const WARM_UPS = 2;

/**
 * Runs both, one after the other in each round and in turns the first, so that a machine that gets slower does so for both.
 * @returns rows of a Markdown table, and the figures
 */
export async function compare({ title, baseline, subject, rounds }: Comparison): Promise<string> {
  say(`${title}: ${rounds} rounds ...\n`);
  const times = { baseline: [] as number[], subject: [] as number[] };
  for (let round = -WARM_UPS; round < rounds; round += 1) {
    const pair = ['baseline', 'subject'] as const;
    for (const which of round % 2 === 0 ? pair : pair.toReversed()) {
      const time = await (which === 'baseline' ? baseline : subject).run();
      if (round >= 0) times[which].push(time);
    }
  }
  const [base, own] = [summarize(times.baseline), summarize(times.subject)];
  const differences = summarize(times.subject.map((time, round) => time - (times.baseline[round] ?? 0)));
  return [
    `| ${title} | median | min | max |`,
    '| --- | --- | --- | --- |',
    row(baseline.name, base),
    row(subject.name, own),
    row('difference, round by round', differences),
    `| ratio of the medians | ${(own.median / base.median).toFixed(2)} | | |`,
  ].join('\n');
}

export function summarize(times: readonly number[]): Summary {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const middle = (sorted.length - 1) / 2;
  const median = (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

/** What the figures depend on, in a line. Says so when something else keeps the machine busy. */
export function machine(): string {
  const [load = 0] = loadavg();
  const count = cpus().length;
  if (load / count > MAX_LOAD_PER_CPU) {
    say(
      `The load average is ${load.toFixed(1)} on ${count} CPUs: these figures will be worse than the truth.\n`,
    );
  }
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${count} CPUs, ${memory} GB, Node ${process.version}, load average before ${load.toFixed(1)}`;
}

export function say(text: string): void {
  process.stdout.write(text);
}

const row = (name: string, { median, min, max }: Summary) =>
  `| ${name} | ${[median, min, max].map((time) => `${time.toFixed(0)} ms`).join(' | ')} |`;
