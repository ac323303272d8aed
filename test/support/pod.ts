import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { onTestFinished } from 'vitest';
import { netNamespace } from './net-namespace.ts';

/** Folders of the machine that a test may write in without the machine noticing. */
const SHADOWED = ['/etc', '/usr/local/bin'];

/** What a container sees: a network and mounts of its own. Needs root. */
export interface Pod {
  /** The command line that runs `command` in it, in `/`. */
  enter(...command: readonly [string, ...string[]]): [string, ...string[]];
  /** A path of the pod, as this process can open it. */
  path(path: string): string;
  get(url: string): Promise<{ readonly status: number; readonly body: string }>;
  /** Pids of what was started in it and still runs. */
  pids(): Promise<number[]>;
}

/**
 * Makes a network with loopback and an interface with these addresses (`10.11.0.5/24`); `/etc` and `/usr/local/bin` under
 * an overlay, so that files may be put there; an empty `/dev/shm`. Nothing of it is left when the test is over.
 */
export async function startPod(name: string, addresses: readonly string[]): Promise<Pod> {
  const network = await netNamespace(name);
  onTestFinished(async () => {
    for (const pid of await network.pids()) process.kill(pid, 'SIGKILL');
    await network.remove();
  });
  const layers = await mkdtemp(join(tmpdir(), 'pod-'));
  onTestFinished(() => rm(layers, { recursive: true, force: true }));
  const script = [
    'set -e',
    ...(addresses.length > 0 ? ['ip link add eth0 type veth peer name peer0'] : []),
    ...addresses.map((address) => `ip addr add ${address} dev eth0 ${address.includes(':') ? 'nodad' : ''}`),
    ...(addresses.length > 0 ? ['ip link set peer0 up', 'ip link set eth0 up'] : []),
    `mount -t tmpfs tmpfs ${layers}`,
    ...SHADOWED.flatMap((folder, index) => {
      const [upper, work] = [`${layers}/upper${index}`, `${layers}/work${index}`];
      const options = `lowerdir=${folder},upperdir=${upper},workdir=${work}`;
      return [`mkdir ${upper} ${work}`, `mount -t overlay overlay -o ${options} ${folder}`];
    }),
    'mount -t tmpfs tmpfs /dev/shm',
    'chmod 1777 /dev/shm',
    'echo made',
    'exec cat', // ends with this process, whatever becomes of it
  ].join('\n');
  const [file, ...args] = network.enter('sh', '-c', script);
  const holder = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  onTestFinished(async () => {
    holder.kill('SIGKILL');
    await ended;
  });
  await Promise.race([
    once(holder.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('the pod could not be made'))),
  ]);
  const target = String(holder.pid);
  const enter: Pod['enter'] = (...command) => ['nsenter', '--target', target, '--net', '--mount', ...command];
  return {
    enter,
    path: (path) => `/proc/${target}/root${path}`,
    get: async (url) => {
      const script = `
        fetch(${JSON.stringify(url)}, { signal: AbortSignal.timeout(10_000) }).then(
          async (answer) => console.log(JSON.stringify({ status: answer.status, body: await answer.text() })),
          (error) => { console.error(String(error.cause ?? error)); process.exitCode = 1; },
        )`;
      const [file, ...args] = enter(process.execPath, '-e', script);
      return JSON.parse((await execa(file, args)).stdout);
    },
    pids: async () => (await network.pids()).filter((pid) => pid !== holder.pid),
  };
}
