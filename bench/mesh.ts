// A mesh of 1,000 services from YAML: to xDS files, to Envoy, a changed endpoint, and what a Sidecar spares. Arguments: [services] [rounds]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { chmod, mkdir, readdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { DeriveReport, DeriveRequest } from '../src/mesh/derive/request.ts';
import { inotifyInstances } from '../src/platform/inotify.ts';
import { makeFolder } from '../test/support/folder.ts';
import { launchAgent, type RunningAgent } from '../test/support/launch.ts';
import { type OnClose, withCleanup } from '../test/support/on-close.ts';
import { freePort } from '../test/support/ports.ts';
import { writeLocalConfig } from '../test/support/xds-files.ts';
import { machine, say, summarize } from './harness.ts';
import { peakOf, residentOf } from './memory.ts';

const SERVICES = 1_000;
const ENDPOINTS = 10;
const ROUNDS = 9;
const NAMESPACES = 20;
const EGRESS_HOSTS = 10;
const PORT = 9080;
const POLL_MS = 15;
const SETTLE_MS = 3_000;
const LIMIT_MS = 60_000;
/** As many as Envoy can watch with Linux's own limit of inotify instances. */
const FEW = 30;

/** @param root of the checkout */
export async function bench(
  root: string,
  [services = String(SERVICES), rounds = String(ROUNDS)]: readonly string[],
): Promise<void> {
  const executable = join(root, 'dist/pilot-agent.cjs');
  const count = Number(services);
  const { limit } = inotifyInstances();
  say(`${machine()}, ${limit} inotify instances for a user\n`);
  const rest = await withCleanup((onClose) => restWithoutMesh(onClose, executable));
  const cold: Cold[] = [];
  for (let round = 0; round < Number(rounds); round += 1) {
    cold.push(await withCleanup((onClose) => deriveCold(onClose, root, count)));
  }
  const all = await withCleanup((onClose) => live(onClose, executable, count, Number(rounds), false));
  const few = await withCleanup((onClose) => live(onClose, executable, FEW, Number(rounds), false));
  const sidecar = await withCleanup((onClose) => live(onClose, executable, count, 1, true));
  const ms = (times: readonly number[]) => {
    const { median, min, max } = summarize(times);
    return `${median.toFixed(0)} ms (${min.toFixed(0)} to ${max.toFixed(0)})`;
  };
  const part = (own: number, whole: number) => `${((own / whole) * 100).toFixed(1)} %`;
  const changed = (each: Live) => `${ms(each.changes)}; rewritten: ${each.files.join(', ')}`;
  say(
    [
      '',
      `| ${count} services of ${ENDPOINTS} endpoints | measured | goal |`,
      '| --- | --- | --- |',
      `| YAML to written xDS, cold: exec to exit | ${ms(cold.map((each) => each.time))} | 1500 ms |`,
      `| the same: most memory of that process | ${summarize(cold.map((each) => each.peak)).max.toFixed(0)} MB | 300 MB |`,
      `| exec of the agent until Envoy has every cluster | ${all.toClusters.toFixed(0)} ms | 3000 ms |`,
      `| the agent at rest (without a mesh ${rest.toFixed(1)} MB) | ${all.agentMb.toFixed(1)} MB | unchanged |`,
      `| an endpoint changes: save to Envoy's update counter | ${changed(all)} | 500 ms |`,
      `| the same with ${FEW} services | ${changed(few)} | 500 ms |`,
      `| a Sidecar with ${EGRESS_HOSTS} egress hosts: clusters and endpoints in Envoy | ${sidecar.resources} of ${all.resources}, ${part(sidecar.resources, all.resources)} | 10 % |`,
      `| the same: Envoy's heap above that of an Envoy without services | ${sidecar.heapMb.toFixed(1)} of ${all.heapMb.toFixed(1)} MB, ${part(sidecar.heapMb, all.heapMb)} | 10 % |`,
      `| the same: Envoy's resident memory | ${sidecar.envoyMb.toFixed(0)} and ${all.envoyMb.toFixed(0)} MB | |`,
      '',
    ].join('\n'),
  );
}

interface Cold {
  readonly time: number;
  readonly peak: number;
}

/** The process that `proxy` starts, by itself. */
async function deriveCold(onClose: OnClose, root: string, count: number): Promise<Cold> {
  const meshDir = await writeMesh(onClose, count);
  const request: DeriveRequest = {
    meshDir,
    meshConfigFile: '',
    xdsDir: join(await makeFolder(onClose), 'xds'),
    proxy: {
      name: 'client',
      namespace: 'ns-0',
      labels: {},
      ip: '10.0.0.1',
      interfaceIps: [],
      domain: 'cluster.local',
      interception: 'REDIRECT',
    },
    tracing: undefined,
    maxFiles: count * 2,
  };
  const program = openSync(join(root, 'dist/pilot-agent.main.cjs'), 'r');
  const begun = performance.now();
  const child = spawn(process.execPath, [join(root, 'dist/pilot-agent.cjs'), 'mesh-derive'], {
    stdio: ['pipe', 'pipe', 'inherit', program],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  child.stdin?.end(JSON.stringify(request));
  const closed = once(child, 'close');
  let [peak, running] = [0, true];
  const watch = (async () => {
    while (running) {
      try {
        peak = Math.max(peak, peakOf(child.pid ?? 0));
      } catch {
        return; // It has ended.
      }
      await delay(2);
    }
  })();
  await closed;
  const time = performance.now() - begun;
  running = false;
  await watch;
  const report = JSON.parse(output) as DeriveReport;
  if (report.kind === 'broken') throw new Error(report.errors.join('\n'));
  return { time, peak };
}

interface Live {
  readonly toClusters: number;
  readonly agentMb: number;
  readonly envoyMb: number;
  /** What Envoy has allocated, above what it has without services. */
  readonly heapMb: number;
  readonly resources: number;
  readonly changes: readonly number[];
  /** Rewritten by the last change. */
  readonly files: readonly string[];
}

async function live(
  onClose: OnClose,
  executable: string,
  count: number,
  rounds: number,
  restricted: boolean,
): Promise<Live> {
  const empty = await withCleanup(async (done) => {
    const agent = await start(done, executable, await writeMesh(done, 0));
    await agent.ready();
    return heapOf(agent);
  });
  const meshDir = await writeMesh(onClose, count);
  if (restricted) await writeFile(join(meshDir, 'sidecar.yaml'), sidecar());
  const clusters = restricted ? EGRESS_HOSTS : count;
  const begun = performance.now();
  const agent = await start(onClose, executable, meshDir);
  await until(async () => (await gauge(agent, 'cluster_manager\\.active_clusters')) >= clusters);
  const toClusters = performance.now() - begun;
  await agent.ready();
  await delay(SETTLE_MS);
  const [envoy = 0] = agent.envoys();
  const heapMb = (await heapOf(agent)) - empty;
  const figures = { toClusters, heapMb, agentMb: residentOf(agent.pid), envoyMb: residentOf(envoy) };
  // The first service is visible with the Sidecar too.
  const counters =
    '(cluster_manager\\.cds|cluster\\.outbound\\|9080\\|\\|svc-0\\.ns-0\\..*)\\.update_success';
  const changes: number[] = [];
  let files: readonly string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const [counted, written] = [await gauge(agent, counters), await inodes(join(agent.configPath, 'mesh'))];
    const saved = performance.now();
    await save(join(meshDir, 'svc-0.yaml'), service(0, 20 + round));
    await until(async () => (await gauge(agent, counters)) > counted);
    changes.push(performance.now() - saved);
    const now = await inodes(join(agent.configPath, 'mesh'));
    files = [...now].flatMap(([path, inode]) => (written.get(path) === inode ? [] : [path]));
    await delay(500);
  }
  return { ...figures, resources: await resourcesOf(agent), changes, files };
}

function start(onClose: OnClose, executable: string, meshDir: string): Promise<RunningAgent> {
  return launchAgent(onClose, {
    executable,
    args: ['--meshDir', meshDir],
    env: { POD_NAME: 'client', POD_NAMESPACE: 'ns-0', INSTANCE_IP: '10.0.0.1' },
  });
}

async function restWithoutMesh(onClose: OnClose, executable: string): Promise<number> {
  const { folder } = await writeLocalConfig(await makeFolder(onClose), await freePort(), await freePort());
  const agent = await launchAgent(onClose, { executable, args: ['--localConfig', folder] });
  await agent.ready();
  await delay(SETTLE_MS);
  return residentOf(agent.pid);
}

/** A file for each service, as people have them. */
async function writeMesh(onClose: OnClose, count: number): Promise<string> {
  const folder = join(await makeFolder(onClose), 'mesh');
  await mkdir(folder);
  await chmod(folder, 0o755);
  for (let index = 0; index < count; index += 1) {
    await writeFile(join(folder, `svc-${index}.yaml`), service(index, 1));
  }
  return folder;
}

function service(index: number, first: number): string {
  const metadata = `  name: svc-${index}\n  namespace: ns-${index % NAMESPACES}`;
  const [high, low] = [index >> 8, index & 255];
  const addresses = Array.from(
    { length: ENDPOINTS },
    (_, at) => `  - ip: 10.${100 + high}.${low}.${at + first}`,
  );
  return `apiVersion: v1
kind: Service
metadata:
${metadata}
spec:
  clusterIP: 10.96.${high}.${low}
  ports:
  - name: http
    port: ${PORT}
---
apiVersion: v1
kind: Endpoints
metadata:
${metadata}
subsets:
- addresses:
${addresses.join('\n')}
  ports:
  - name: http
    port: ${PORT}
`;
}

function sidecar(): string {
  const hosts = Array.from(
    { length: EGRESS_HOSTS },
    (_, index) => `    - "ns-${index % NAMESPACES}/svc-${index}.ns-${index % NAMESPACES}.svc.cluster.local"`,
  );
  return `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: ns-0
spec:
  egress:
  - hosts:
${hosts.join('\n')}
`;
}

async function save(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

/** The sum of what matches. */
async function gauge(agent: RunningAgent, pattern: string): Promise<number> {
  try {
    const { body } = await agent.get(
      agent.ports.admin,
      `/stats?filter=${encodeURIComponent(`^${pattern}$`)}`,
    );
    const numbers = body.split('\n').map((line) => Number(/: (\d+)$/.exec(line)?.[1] ?? 0));
    return numbers.reduce((sum, number) => sum + number, 0);
  } catch {
    return 0; // It does not answer yet.
  }
}

async function heapOf(agent: RunningAgent): Promise<number> {
  const { body } = await agent.get(agent.ports.admin, '/memory');
  return Number((JSON.parse(body) as { readonly allocated: string }).allocated) / 2 ** 20;
}

/** Clusters and endpoints, as Envoy itself lists them. */
async function resourcesOf(agent: RunningAgent): Promise<number> {
  const { body } = await agent.get(agent.ports.admin, '/clusters');
  const lines = body.split('\n').filter((line) => line.startsWith('outbound|'));
  const endpoints = lines.filter((line) => line.includes('::hostname::')).length;
  return endpoints + new Set(lines.map((line) => line.split('::')[0])).size;
}

async function inodes(folder: string): Promise<ReadonlyMap<string, number>> {
  const names = await readdir(folder, { recursive: true });
  const files = names.filter((name) => name.endsWith('.json'));
  return new Map(
    await Promise.all(files.map(async (name) => [name, (await stat(join(folder, name))).ino] as const)),
  );
}

async function until(ask: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!(await ask())) {
    if (performance.now() > end) throw new Error(`nothing came within ${LIMIT_MS} ms`);
    await delay(POLL_MS);
  }
}
