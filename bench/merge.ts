// Merged scrapes against Envoy's own admin answer, and the memory that a million series take. Arguments: [rounds] [time|memory]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { makeFolder } from '../test/support/folder.ts';
import { launchAgent, type RunningAgent } from '../test/support/launch.ts';
import { type OnClose, withCleanup } from '../test/support/on-close.ts';
import { freePort } from '../test/support/ports.ts';
import { until } from '../test/support/until.ts';
import { writeLocalConfig } from '../test/support/xds-files.ts';
import { cluster } from '../test/support/xds-resources.ts';
import { compare, machine, say, summarize } from './harness.ts';
import { forgetPeak, peakOf, residentOf } from './memory.ts';
import { timedGet } from './scrape-client.ts';

const ROUNDS = 21;
const CLUSTERS = 2_000;
const SERIES = 1_000_000;
/** Of Envoy 1.40 under the agent's bootstrap. */
const SERIES_PER_CLUSTER = 41;
const MEMORY_SCRAPES = 3;
const START_MS = 180_000;
const PATH = '/stats/prometheus';
const TIMEOUT = 'X-Prometheus-Scrape-Timeout-Seconds: 100';
const FORMATS = [
  ['text', 'text/plain;version=0.0.4'],
  ['protobuf', 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'],
] as const;

const TIMED = [
  ['one scrape at a time', CLUSTERS, 1],
  ['4 clients at once', 1, 4],
] as const;

/** @param root of the checkout */
export async function bench(root: string, [rounds = String(ROUNDS), only]: readonly string[]): Promise<void> {
  say(`${machine()}\n`);
  const tables: string[] = [];
  for (const [what, count, clients] of only === 'memory' ? [] : TIMED) {
    await withCleanup(async (onClose) => {
      const { agent } = await startSidecar(onClose, root, count, 50);
      for (const [format, accept] of FORMATS) {
        const scrape = (port: number) => async () => {
          const headers = [`Accept: ${accept}`, TIMEOUT];
          const begun = performance.now();
          await Promise.all(Array.from({ length: clients }, () => timedGet(port, PATH, headers)));
          return performance.now() - begun;
        };
        tables.push(
          await compare({
            title: `${count} clusters, ${what}, ${format}`,
            baseline: { name: "Envoy's admin", run: scrape(agent.ports.admin) },
            subject: { name: 'agent', run: scrape(agent.ports.metrics) },
            rounds: clients === 1 ? Number(rounds) : 5 * Number(rounds),
          }),
        );
      }
    });
  }
  if (only !== 'time') tables.push(await memory(root, CLUSTERS));
  say(`\n${tables.join('\n\n')}\n`);
}

/** How far resident memory rises above what it was before, at any moment of a scrape. */
async function memory(root: string, clusters: number): Promise<string> {
  const rows: string[] = [];
  for (const [format, accept] of FORMATS) {
    for (const encoding of ['identity', 'gzip']) {
      say(`Memory, ${format}, ${encoding} ...\n`);
      await withCleanup(async (onClose) => {
        const { agent } = await startSidecar(onClose, root, clusters, SERIES - SERIES_PER_CLUSTER * clusters);
        const headers = [`Accept: ${accept}`, `Accept-Encoding: ${encoding}`, TIMEOUT];
        const growth: number[] = [];
        let size = 0;
        const atRest = residentOf(agent.pid);
        for (let i = 0; i < MEMORY_SCRAPES; i += 1) {
          await delay(500);
          forgetPeak(agent.pid);
          const before = residentOf(agent.pid);
          size = (await timedGet(agent.ports.metrics, PATH, headers)).bytes;
          growth.push(peakOf(agent.pid) - before);
        }
        const cells = [
          `${format}, ${encoding}`,
          `${(size / 1e6).toFixed(0)} MB`,
          `${atRest.toFixed(0)} MiB`,
          `${growth[0]?.toFixed(1)} MiB`,
          `${summarize(growth.slice(1)).max.toFixed(1)} MiB`,
        ];
        rows.push(`| ${cells.join(' | ')} |`);
      });
    }
  }
  return [
    `| ${SERIES} series | size | at rest | growth, first scrape | growth, later ones |`,
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

/** A sidecar of so many clusters, and beside it an application of so many series. */
async function startSidecar(
  onClose: OnClose,
  root: string,
  clusters: number,
  series: number,
): Promise<{ readonly agent: RunningAgent }> {
  const port = await startApplication(onClose, root, series);
  const { folder, write } = await writeLocalConfig(await makeFolder(onClose), await freePort(), port);
  const names = Array.from(
    { length: clusters - 1 },
    (_, i) => `outbound|80||service-${i}.shop.svc.cluster.local`,
  );
  await write('cds.yaml', { resources: ['app', ...names].map((name) => cluster(name, port)) });
  const agent = await launchAgent(onClose, {
    executable: join(root, 'dist/pilot-agent.cjs'),
    args: ['--localConfig', folder],
    env: {
      ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', path: '/metrics', port: String(port) }),
    },
  });
  // Envoy takes its time over thousands of clusters, and answers nobody meanwhile.
  await until(
    'the agent is ready',
    async () => (await agent.get(agent.ports.status, '/healthz/ready')).status === 200,
    START_MS,
  );
  return { agent };
}

export async function startApplication(onClose: OnClose, root: string, series: number): Promise<number> {
  const script = join(root, 'bench/synthetic-application.mjs');
  const child = spawn(process.execPath, [script, String(series)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  onClose(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return Number(port.toString());
}
