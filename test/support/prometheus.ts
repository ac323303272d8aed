/** A real Prometheus that scrapes what a test serves. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { until } from './until.ts';

export interface PrometheusTarget {
  readonly job: string;
  readonly port: number;
  readonly path: string;
}

export interface Prometheus {
  /** An instant query. One entry per series: its labels and its value. */
  query(expression: string): Promise<PrometheusSeries[]>;
  /** Health of each target, by job: `up`, or the error of its last scrape. */
  health(): Promise<ReadonlyMap<string, string>>;
  /** What the scrapes and the storage complained about. */
  warnings(): string[];
}

export interface PrometheusSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Starts Prometheus over the targets (`interval` apart) and waits until each was scraped twice. It ends with the test. */
export async function startPrometheus(
  targets: readonly PrometheusTarget[],
  { protobuf = false, interval = '1s' }: { readonly protobuf?: boolean; readonly interval?: string } = {},
): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'pilot-agent-prometheus-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(configuration(targets, interval)));
  const child = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
      '--log.format=json',
      '--log.level=debug',
      // Prometheus 2 asks for protobuf when it wants native histograms.
      ...(protobuf ? ['--enable-feature=native-histograms'] : []),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const port = await until('Prometheus listens', () => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended: ${log}`);
    return /"Listening on"[^\n]*|[^\n]*"Listening on"/.exec(log)?.[0].match(/127\.0\.0\.1:(\d+)/)?.[1];
  });

  async function ask<T>(path: string): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    return ((await answer.json()) as { data: T }).data;
  }
  async function query(expression: string): Promise<PrometheusSeries[]> {
    const { result } = await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
      `query?query=${encodeURIComponent(expression)}`,
    );
    return result.map(({ metric, value: [, text] }) => ({ labels: metric, value: Number(text) }));
  }
  await until('every target was scraped twice', async () => {
    const scraped = await query('count_over_time(up[1m]) >= 2');
    return scraped.length === targets.length;
  });
  return {
    query,
    async health() {
      const { activeTargets } = await ask<{
        activeTargets: { labels: { job: string }; health: string; lastError: string }[];
      }>('targets');
      return new Map(activeTargets.map(({ labels, health, lastError }) => [labels.job, lastError || health]));
    },
    warnings: () =>
      log
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { level?: string; component?: string; msg?: string; err?: string })
        .filter(
          ({ level, component, err }) =>
            (level !== 'info' && component === 'scrape manager') || err !== undefined,
        )
        .map((line) => JSON.stringify(line)),
  };
}

const configuration = (targets: readonly PrometheusTarget[], interval: string) => ({
  global: { scrape_interval: interval, scrape_timeout: interval },
  scrape_configs: targets.map(({ job, port, path }) => ({
    job_name: job,
    metrics_path: path,
    static_configs: [{ targets: [`127.0.0.1:${port}`] }],
  })),
});
