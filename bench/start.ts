// From the exec of the agent to the exec of Envoy and to ready, and what both cost at rest. Arguments: [rounds] [node ...]
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, openSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, link, readFile, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { sharedMemoryFile } from '../src/envoy/base-id.ts';
import { findEnvoy } from '../src/envoy/binary.ts';
import { makeFolder } from '../test/support/folder.ts';
import { openApplication } from '../test/support/http-application.ts';
import { launchAgent } from '../test/support/launch.ts';
import { type OnClose, withCleanup } from '../test/support/on-close.ts';
import { freePort } from '../test/support/ports.ts';
import { argumentsOf, envoysOf } from '../test/support/processes.ts';
import { writeLocalConfig } from '../test/support/xds-files.ts';
import { bareServer } from './bare-server.ts';
import { machine, say, summarize } from './harness.ts';

const ROUNDS = 20;
const POLL_MS = 4;
/** The agent tidies its memory some seconds after its start. */
const SETTLE_MS = 12_000;
const REST_MS = 30_000;

interface Round {
  readonly bareServer: number;
  readonly toEnvoy: number;
  readonly toReady: number;
  readonly envoyAlone: number;
}

interface Memory {
  readonly residentMb: number;
  readonly privateMb: number;
}

interface Rest extends Memory {
  readonly bare: Memory;
  /** Percent of a core while it is asked once a second. */
  readonly probedPercent: number;
  /** And while nobody asks. */
  readonly idlePercent: number;
}

/** @param root of the checkout */
export async function bench(
  root: string,
  [rounds = String(ROUNDS), ...nodes]: readonly string[],
): Promise<void> {
  const executable = join(root, 'dist/pilot-agent.cjs');
  say(`${machine()}\n`);
  for (const node of nodes.length === 0 ? [process.execPath] : nodes) {
    const version = (await execa(node, ['--version'])).stdout;
    const done: Round[] = [];
    for (let round = -1; round < Number(rounds); round += 1) {
      const result = await withCleanup((onClose) => measureStart(onClose, executable, node));
      if (round >= 0) done.push(result);
    }
    const rest = await withCleanup((onClose) => measureRest(onClose, executable, node));
    say(`\n${table(version, done, rest)}\n`);
  }
}

/** The same three in every round, so that a machine that gets slower does so for all. */
async function measureStart(onClose: OnClose, executable: string, node: string): Promise<Round> {
  const bareServer = await bareStart(onClose, node);
  const envoy = await reportingEnvoy(onClose);
  const xds = await sidecarFiles(onClose, 1);
  const begun = performance.now();
  const started = envoy.started.then((at) => at - begun);
  const agent = await launchAgent(onClose, {
    executable,
    node,
    binary: envoy.file,
    args: ['--localConfig', xds],
  });
  await untilAnswers(agent.ports.status, '/healthz/ready');
  const toReady = performance.now() - begun;
  const [like] = envoysOf(agent.pid);
  if (like === undefined) throw new Error('the agent runs no Envoy');
  const args = argumentsOf(like.pid);
  const bootstrap = args[args.indexOf('-c') + 1] ?? '';
  const text = await readFile(bootstrap, 'utf8');
  agent.signal('SIGKILL');
  process.kill(like.pid, 'SIGKILL');
  await agent.exited;
  const copy = join(dirname(xds), 'alone.json');
  await writeFile(copy, text);
  const alone = args.map((arg) => (arg === bootstrap ? copy : arg));
  return {
    bareServer,
    toEnvoy: await started,
    toReady,
    envoyAlone: await envoyStart(alone, agent.ports.admin, like.baseId),
  };
}

/** What a Node server that does nothing takes from exec to listening. */
async function bareStart(onClose: OnClose, node: string): Promise<number> {
  const begun = performance.now();
  const server = await bareServer(onClose, node);
  const time = performance.now() - begun;
  await server.end();
  return time;
}

/** What Envoy takes by itself, over the agent's bootstrap and with the agent's arguments. */
async function envoyStart(args: readonly string[], admin: number, baseId: number): Promise<number> {
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
  const begun = performance.now();
  const child = spawn(envoy, args, { stdio: 'ignore', env: {} });
  await untilAnswers(admin, '/ready');
  const time = performance.now() - begun;
  await end(child);
  await execa('rm', ['-f', sharedMemoryFile(baseId)]);
  return time;
}

/** Something that says when it is started and becomes Envoy. The way there is a shell of about a millisecond. */
async function reportingEnvoy(
  onClose: OnClose,
): Promise<{ readonly file: string; readonly started: Promise<number> }> {
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
  const folder = await makeFolder(onClose);
  const [file, pipe, binary] = [join(folder, 'start'), join(folder, 'pipe'), join(folder, 'envoy')];
  await execa('mkfifo', ['-m', '666', pipe]);
  // Where the user that the agent becomes can run it.
  await link(envoy, binary).catch(() => copyFile(envoy, binary));
  await writeFile(file, `#!/bin/sh\necho started > ${pipe}\nexec ${binary} "$@"\n`, { mode: 0o755 });
  // A socket, for a stream of a file would hold a thread of libuv's for ever.
  const stream = new Socket({ fd: openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK), writable: false });
  onClose(() => void stream.destroy());
  const started = once(stream, 'data').then(() => performance.now());
  return { file, started };
}

/** xDS files of a sidecar in a folder that every user can read. */
async function sidecarFiles(onClose: OnClose, clusters: number): Promise<string> {
  const { port } = await openApplication(onClose);
  const folder = await makeFolder(onClose);
  const { folder: xds, write } = await writeLocalConfig(folder, await freePort(), port);
  if (clusters > 1) {
    const { resources } = JSON.parse(await readFile(join(xds, 'cds.yaml'), 'utf8')) as {
      readonly resources: readonly { readonly name: string }[];
    };
    const more = Array.from({ length: clusters - 1 }, (_, at) => ({ ...resources[0], name: `app-${at}` }));
    await write('cds.yaml', { resources: [...resources, ...more] });
  }
  return xds;
}

async function measureRest(onClose: OnClose, executable: string, node: string): Promise<Rest> {
  const args = ['--localConfig', await sidecarFiles(onClose, 100)];
  const agent = await launchAgent(onClose, { executable, node, args });
  const bare = await bareServer(onClose, node);
  await agent.ready();
  await delay(SETTLE_MS);
  const memory = { ...memoryOf(agent.pid), bare: memoryOf(bare.pid) };
  const idlePercent = await processorTime(agent.pid, () => delay(REST_MS));
  const probedPercent = await processorTime(agent.pid, async () => {
    for (let second = 0; second < REST_MS / 1_000; second += 1) {
      await agent.get(agent.ports.status, '/healthz/ready');
      await delay(1_000);
    }
  });
  return { ...memory, idlePercent, probedPercent };
}

/** Of all its threads, by the scheduler's own count: `/proc/<pid>/stat` counts ticks of 10 ms. */
async function processorTime(pid: number, meanwhile: () => Promise<void>): Promise<number> {
  const used = () =>
    readdirSync(`/proc/${pid}/task`)
      .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8'))
      .reduce((sum, text) => sum + Number(text.split(' ', 1)[0]) / 1e6, 0);
  const [begun, before] = [performance.now(), used()];
  await meanwhile();
  return ((used() - before) / (performance.now() - begun)) * 100;
}

function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const megabytes = (name: string) =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024;
  return { residentMb: megabytes('Rss'), privateMb: megabytes('Anonymous') };
}

/** Asks every few milliseconds until the answer is 200. */
async function untilAnswers(port: number, path: string): Promise<void> {
  const connection = new Agent({ keepAlive: true, maxSockets: 1 });
  const limit = performance.now() + 30_000;
  try {
    while ((await statusOf(connection, port, path)) !== 200) {
      if (performance.now() > limit) throw new Error(`port ${port} does not answer 200 to ${path}`);
      await delay(POLL_MS);
    }
  } finally {
    connection.destroy();
  }
}

function statusOf(agent: Agent, port: number, path: string): Promise<number> {
  return new Promise((resolve) => {
    const call = get({ agent, host: '127.0.0.1', port, path }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode ?? 0));
    });
    call.once('error', () => resolve(0));
  });
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function table(version: string, rounds: readonly Round[], rest: Rest): string {
  const times = (name: string, of: (round: Round) => number) => {
    const { median, min, max } = summarize(rounds.map(of));
    return `| ${name} | ${[median, min, max].map((time) => `${time.toFixed(0)} ms`).join(' | ')} |`;
  };
  const memory = (name: string, of: (memory: Memory) => number) =>
    `| at rest, 100 clusters: ${name} (a bare Node server: ${of(rest.bare).toFixed(1)} MB) | ${of(rest).toFixed(1)} MB | | |`;
  return [
    `| Node ${version}, ${rounds.length} rounds | median | min | max |`,
    '| --- | --- | --- | --- |',
    times('a bare Node server: exec to listening', (round) => round.bareServer),
    times('exec of the agent to exec of Envoy', (round) => round.toEnvoy),
    times('the same, less the bare server', ({ toEnvoy, bareServer: bare }) => toEnvoy - bare),
    times('exec of the agent to ready', (round) => round.toReady),
    times('Envoy alone: exec to ready', (round) => round.envoyAlone),
    times(
      "exec of the agent to ready, less Envoy's own time",
      ({ toReady, envoyAlone }) => toReady - envoyAlone,
    ),
    memory('private (anonymous) memory', ({ privateMb }) => privateMb),
    memory('resident memory, all pages', ({ residentMb }) => residentMb),
    `| at rest, a probe each second, 30 s: processor time | ${rest.probedPercent.toFixed(2)} % of a core | | |`,
    `| at rest, nobody asks, 30 s: processor time | ${rest.idlePercent.toFixed(2)} % of a core | | |`,
  ].join('\n');
}
