import type { Judged } from './excuses.ts';
import type { StormReport } from './storm.ts';

/** What is wrong, one line each; empty when the agent has done as it should. */
export function problemsOf(report: StormReport): readonly string[] {
  const { requests, unready, leftOver, exitCode, mostProcesses } = report;
  const inTime = ({ at, what }: { readonly at: number; readonly what: string }) =>
    `${new Date(at).toISOString()} ${what}`;
  return [
    ...requests.unexcused.map((failure) => `a request failed: ${inTime(failure)}`),
    ...unready.unexcused.map((lapse) => `not ready: ${inTime(lapse)}`),
    ...leftOver.map((what) => `left over: ${what}`),
    ...(exitCode === 0 ? [] : [`the agent ended with ${exitCode}`]),
    ...(mostProcesses <= 3 ? [] : [`${mostProcesses} Envoys at once`]),
  ];
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
