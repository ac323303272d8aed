import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isLive } from '../src/agent/live.ts';
import { envoyAdmin } from '../src/envoy/admin.ts';
import { sharedMemoryFile } from '../src/envoy/base-id.ts';
import { millis } from '../src/platform/duration.ts';
import { makeFolder } from '../test/support/folder.ts';
import type { RunningAgent } from '../test/support/launch.ts';
import type { OnClose } from '../test/support/on-close.ts';
import { freePorts } from '../test/support/ports.ts';
import { argumentsOf, envoysOf } from '../test/support/processes.ts';

/** Envoy run without an agent: the same binary, arguments and bootstrap as an agent's, on other ports. */
export interface ByHand {
  readonly inbound: number;
  /** Starts the next epoch (the first: 0), and answers when it says that it is LIVE. */
  startEpoch(): Promise<void>;
  /** Starts epoch 0 and answers at once. */
  start(): void;
  /** Waits until only the last epoch is left. */
  untilAlone(): Promise<void>;
  kill(): Promise<void>;
}

/** As often as Envoy can be asked without getting slower for it. */
const POLL_MS = 5;

export async function envoyByHand(
  onClose: OnClose,
  { agent, xds, inbound }: { readonly agent: RunningAgent; readonly xds: string; readonly inbound: number },
): Promise<ByHand> {
  const [like] = envoysOf(agent.pid);
  if (like === undefined) throw new Error('the agent runs no Envoy');
  const folder = await makeFolder(onClose);
  const ports = await freePorts(3);
  const [admin = 0, , ownInbound = 0] = ports;
  const baseId = 1 + Math.floor(Math.random() * 100_000_000);
  const bootstrap = join(folder, 'bootstrap.json');
  const args = argumentsOf(like.pid);
  const after = (flag: string) => args.indexOf(flag) + 1;
  const replacements = [
    ...[agent.ports.admin, agent.ports.envoyStatus, inbound].map((port, at) => [port, ports[at]] as const),
    [xds, join(folder, 'xds')] as const,
  ];
  const adapt = (text: string) =>
    replacements.reduce((now, [from, to]) => now.replaceAll(String(from), String(to)), text);
  await cp(xds, join(folder, 'xds'), { recursive: true });
  for (const name of ['cds.yaml', 'lds.yaml']) {
    const file = join(folder, 'xds', name);
    await writeFile(file, adapt(await readFile(file, 'utf8')));
  }
  await writeFile(bootstrap, adapt(await readFile(args[after('-c')] ?? '', 'utf8')));

  const binary = readlinkSync(`/proc/${like.pid}/exe`);
  const running = new Set<ChildProcess>();
  let epoch = -1;
  const spawnEpoch = () => {
    epoch += 1;
    const own = [...args];
    own[after('-c')] = bootstrap;
    own[after('--restart-epoch')] = String(epoch);
    own[after('--base-id')] = String(baseId);
    const child = spawn(binary, own, { stdio: 'ignore', env: {} });
    running.add(child);
    child.once('exit', () => running.delete(child));
  };
  const end = async (child: ChildProcess) => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  const kill = async () => {
    await Promise.all([...running].map(end));
    epoch = -1;
  };
  onClose(async () => {
    await kill();
    await rm(sharedMemoryFile(baseId), { force: true });
  });
  return {
    inbound: ownInbound,
    start: spawnEpoch,
    startEpoch: async () => {
      spawnEpoch();
      for (;;) {
        const answer = await envoyAdmin('127.0.0.1', admin)
          .get('/server_info', millis(1_000))
          .catch(() => undefined);
        if (answer !== undefined && isLive(answer.body, { epoch, baseId })) return;
        await delay(POLL_MS);
      }
    },
    untilAlone: async () => {
      while (running.size > 1) await delay(POLL_MS);
    },
    kill,
  };
}

/** Asks with one new connection after the other until an answer is 200. */
export async function untilServed(port: number): Promise<void> {
  for (;;) {
    const status = await new Promise<number | undefined>((resolve) => {
      const options = { host: '127.0.0.1', port, agent: false, signal: AbortSignal.timeout(1_000) };
      get(options, (response) => {
        response.resume();
        response.on('close', () => resolve(response.statusCode));
      }).on('error', () => resolve(undefined));
    });
    if (status === 200) return;
    await delay(1);
  }
}
