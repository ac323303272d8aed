import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { makeFolder } from '../support/folder.ts';
import { openApplication } from '../support/http-application.ts';
import { launchAgent, type RunningAgent } from '../support/launch.ts';
import { http1Load } from '../support/load.ts';
import type { OnClose } from '../support/on-close.ts';
import { freePort } from '../support/ports.ts';
import { writeLocalConfig } from '../support/xds-files.ts';
import { type Allowances, type Growth, growthOf, isFlat, type Sample } from './flat.ts';

export interface SoakOptions {
  /** `pilot-agent.cjs`. */
  readonly executable: string;
  readonly seconds: number;
  readonly restartEveryMs: number;
  readonly allowances: Allowances;
  /** Told of the agent's figures each minute. */
  readonly onMinute?: (text: string) => void;
}

export interface SoakReport {
  /** How often each thing was done. */
  readonly done: Readonly<Record<string, number>>;
  readonly growth: readonly Growth[];
  /** One line each; empty when all is well. */
  readonly problems: readonly string[];
  readonly output: string;
}

const DRAIN_S = 2;
const SAMPLES = 400;
const MOST_PROBLEMS = 50;
const RESTART_DEADLINE_MS = 60_000;

/** What kubelet, Prometheus and people do to a sidecar, for a while, with hot restarts under it; only more often. */
export async function soak(onClose: OnClose, options: SoakOptions): Promise<SoakReport> {
  const { seconds, allowances, onMinute = () => {} } = options;
  const { agent, traffic } = await openSidecar(onClose, options.executable);
  const load = http1Load(traffic, 2, { pauseMs: 25 });
  const done: Record<string, number> = {};
  const problems: string[] = [];
  const samples: Sample[] = [];
  const lifetime = new AbortController();
  onClose(() => lifetime.abort());

  const every = async (name: string, ms: number, work: () => Promise<string | undefined>): Promise<void> => {
    while (!lifetime.signal.aborted) {
      const problem = await work().catch((error: unknown) => String(error));
      done[name] = (done[name] ?? 0) + 1;
      if (problem !== undefined) problems.push(`${new Date().toISOString()} ${name}: ${problem}`);
      await delay(ms, undefined, { signal: lifetime.signal }).catch(() => {});
    }
  };
  const { status, metrics } = agent.ports;
  const running = [
    every('readiness probe', 200, () => get(status, '/healthz/ready')),
    every('application probe', 500, () => get(status, '/app-health/app/livez')),
    every('scrape', 1_000, () => get(metrics, '/stats/prometheus', {}, WANTED)),
    every('packed scrape', 1_500, () => get(status, '/stats/prometheus', { 'accept-encoding': 'gzip' })),
    every('status', 3_000, () => get(status, '/status')),
    every('unknown path', 2_000, async () => {
      const problem = await get(status, '/nothing');
      return problem?.startsWith('404 ') ? undefined : `not 404: ${problem}`;
    }),
    restarts(every, agent, options.restartEveryMs),
    every('sample', (seconds * 1_000) / SAMPLES, async () => {
      samples.push(sampleOf(agent.pid));
      return undefined;
    }),
    every('minute', 60_000, async () => {
      onMinute(JSON.stringify(sampleOf(agent.pid)));
      return undefined;
    }),
  ];
  await delay(seconds * 1_000);
  lifetime.abort();
  await Promise.all(running);
  await load.stop();
  problems.push(...load.failures().map((what) => `request: ${what}`));
  const growth = growthOf(samples, allowances);
  for (const each of growth.filter((one) => !isFlat(one))) {
    problems.push(`${each.what} grew from ${each.second} to ${each.last}, allowed are ${each.allowed} more`);
  }
  agent.signal('SIGTERM');
  const code = await agent.exited;
  if (code !== 0) problems.push(`the agent ended with ${code}`);
  const { minute: _, sample: __, ...rest } = done;
  return {
    done: { ...rest, request: load.succeeded() },
    growth,
    problems: problems.slice(0, MOST_PROBLEMS),
    output: agent.output(),
  };
}

/** Two lines that a merged scrape must have: of Envoy and of the application. */
const WANTED = ['envoy_server_live', 'soak_application_up 1'];

/** @returns what is wrong with the answer */
async function get(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  wanted: readonly string[] = [],
): Promise<string | undefined> {
  const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`, {
    headers,
    reset: true,
    signal: AbortSignal.timeout(10_000),
  });
  const text = Buffer.from(await body.arrayBuffer()).toString('latin1');
  if (statusCode !== 200) return `${statusCode} ${text.trim()}`;
  const missing = wanted.find((line) => !text.includes(line));
  return missing === undefined ? undefined : `no "${missing}" in ${text.length} bytes`;
}

async function restarts(
  every: (name: string, ms: number, work: () => Promise<string | undefined>) => Promise<void>,
  agent: RunningAgent,
  ms: number,
): Promise<void> {
  let first = true;
  await every('hot restart', ms, async () => {
    if (first) {
      first = false;
      return undefined;
    }
    const { status, body } = await agent.post(agent.ports.status, '/restart', RESTART_DEADLINE_MS);
    return status === 200 ? undefined : `${status} ${body.trim()}`;
  });
}

async function openSidecar(onClose: OnClose, executable: string) {
  const { port } = await openApplication(onClose);
  const { port: measured } = await openApplication(onClose, (_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end('# TYPE soak_application_up gauge\nsoak_application_up 1\n');
  });
  const traffic = await freePort();
  const { folder } = await writeLocalConfig(await makeFolder(onClose), traffic, port);
  const agent = await launchAgent(onClose, {
    executable,
    args: [
      ...['--localConfig', folder],
      ...['--drainDuration', `${DRAIN_S}s`, '--parentShutdownDuration', `${DRAIN_S + 1}s`],
    ],
    env: {
      ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({
        scrape: 'true',
        path: '/metrics',
        port: String(measured),
      }),
      ISTIO_KUBE_APP_PROBERS: JSON.stringify({
        '/app-health/app/livez': {
          httpGet: { path: '/', port: measured, host: '127.0.0.1' },
          timeoutSeconds: 5,
        },
      }),
    },
  });
  await agent.ready();
  return { agent, traffic };
}

function sampleOf(pid: number): Sample {
  const memory = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (name: string) =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(memory)?.[1] ?? Number.NaN) / 1024;
  return {
    residentMb: megabytes('Rss'),
    privateMb: megabytes('Anonymous'),
    files: readdirSync(`/proc/${pid}/fd`).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** The figures, for a person. */
export function describe({ done, growth }: SoakReport): string {
  return [
    `  done: ${Object.entries(done)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
    '  medians of the second and the last quarter:',
    ...growth.map(
      ({ what, second, last, allowed }) =>
        `    ${what} ${second.toFixed(1)} -> ${last.toFixed(1)} (at most ${allowed} more)`,
    ),
  ].join('\n');
}
