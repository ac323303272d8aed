import type { Failure } from '../support/load.ts';
import type { Judged } from './excuses.ts';
import type { StormReport } from './storm.ts';

/** What is wrong, one line each; empty when the agent has done as it should. */
export function problemsOf(report: StormReport): readonly string[] {
  const { requests, unready, leftOver, exitCode, mostProcesses } = report;
  return [
    ...bursts(requests.unexcused).map((burst) => `requests failed: ${burst}`),
    ...bursts(unready.unexcused).map((burst) => `not ready: ${burst}`),
    ...leftOver.map((what) => `left over: ${what}`),
    ...(exitCode === 0 ? [] : [`the agent ended with ${exitCode}`]),
    ...(mostProcesses <= 3 ? [] : [`${mostProcesses} Envoys at once`]),
  ];
}

/** Failures with less than this between them are told in one line. */
const LULL_MS = 500;

function bursts(failures: readonly Failure[]): readonly string[] {
  const found: Failure[][] = [];
  for (const failure of failures.toSorted((a, b) => a.at - b.at)) {
    const last = found.at(-1);
    if (last !== undefined && failure.at - (last.at(-1)?.at ?? 0) < LULL_MS) last.push(failure);
    else found.push([failure]);
  }
  return found.map((burst) => {
    const [from, to] = [burst[0], burst.at(-1)].map((failure) => new Date(failure?.at ?? 0).toISOString());
    const kinds = [...new Set(burst.map(({ what }) => what))];
    return `${from} to ${to}, ${burst.length} times: ${kinds.slice(0, 5).join('; ')}`;
  });
}

/** The counts, for a person. */
export function describe(report: StormReport): string {
  const { seed, seconds, moves, succeeded, requests, unready, takeovers, mostProcesses } = report;
  const counts = (of: Readonly<Record<string, number>>) =>
    Object.entries(of)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ');
  const blamed = ({ excused, unexcused }: Judged) => `${counts(excused)}; on the agent ${unexcused.length}`;
  return [
    `storm of ${seconds} s, seed ${seed}`,
    `  moves: ${counts(moves)}`,
    `  epochs that took over: ${takeovers[0]}, of them by overlap ${takeovers[1]}; most Envoys at once: ${mostProcesses}`,
    `  requests and connections that went well: ${counts(succeeded)}`,
    `  failed, by cause: ${blamed(requests)}`,
    `  not ready, by cause: ${blamed(unready)}`,
  ].join('\n');
}
