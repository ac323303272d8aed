import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { type Child, startChild } from './child.ts';
import type { OnClose } from './on-close.ts';
import { until } from './until.ts';

/** A machine on a network of its own, with a network stack of its own. */
export interface NetPod {
  readonly ip: string;
  readonly ip6: string;
  enter(...command: readonly string[]): [string, ...string[]];
  run(...command: readonly string[]): Promise<string>;
}

export interface MeshNetwork {
  /** @param last of its addresses, 172.16.1.x and fd00:172:16::x */
  pod(last: number): Promise<NetPod>;
}

const GATEWAY = '172.16.1.1';
const GATEWAY6 = 'fd00:172:16::1';

/** Machines on one switch. Whatever runs in them is ended when it is closed. Needs root. */
export async function meshNetwork(onClose: OnClose): Promise<MeshNetwork> {
  const unique = randomBytes(3).toString('hex');
  const make = async (name: string) => {
    await execa('ip', ['netns', 'add', name]);
    onClose(async () => {
      const { stdout } = await execa('ip', ['netns', 'pids', name]);
      for (const pid of stdout.split('\n').filter(Boolean)) process.kill(Number(pid), 'SIGKILL');
      await execa('ip', ['netns', 'del', name]);
    });
    await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  };
  const hub = `mesh-${unique}`;
  await make(hub);
  const inHub = (...args: readonly string[]) => execa('ip', ['-n', hub, ...args]);
  await inHub('link', 'add', 'br0', 'type', 'bridge');
  await inHub('addr', 'add', `${GATEWAY}/24`, 'dev', 'br0');
  await inHub('addr', 'add', `${GATEWAY6}/64`, 'dev', 'br0', 'nodad');
  await inHub('link', 'set', 'br0', 'up');
  return {
    pod: async (last) => {
      const name = `mesh-${unique}-${last}`;
      const ip = `172.16.1.${last}`;
      const ip6 = `fd00:172:16::${last}`;
      await make(name);
      await inHub('link', 'add', `p${last}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      await inHub('link', 'set', `p${last}`, 'master', 'br0', 'up');
      await execa('ip', ['-n', name, 'addr', 'add', `${ip}/24`, 'dev', 'eth0']);
      await execa('ip', ['-n', name, 'addr', 'add', `${ip6}/64`, 'dev', 'eth0', 'nodad']);
      await execa('ip', ['-n', name, 'link', 'set', 'eth0', 'up']);
      // Addresses of services are nowhere, and only a way to somewhere lets a packet come as far as the rules.
      await execa('ip', ['-n', name, 'route', 'add', 'default', 'via', GATEWAY]);
      await execa('ip', ['-n', name, '-6', 'route', 'add', 'default', 'via', GATEWAY6]);
      const enter: NetPod['enter'] = (...command) => ['ip', 'netns', 'exec', name, ...command];
      const run = async (...command: readonly string[]) => {
        const [file, ...args] = enter(...command);
        return (await execa(file, args, { timeout: 20_000 })).stdout;
      };
      return {
        ip,
        ip6,
        enter,
        run,
      };
    },
  };
}

/** A program of Node in a pod; it is there when it has said so. */
export async function startInPod(pod: NetPod, script: string): Promise<Child> {
  const child = startChild(pod.enter(process.execPath, '-e', script));
  await until('the program is up', () => child.output().includes('up'));
  return child;
}

export interface PodAnswer {
  /** 0: the connection was refused or broken. */
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A request from a pod. */
export async function callFrom(pod: NetPod, url: string, host?: string): Promise<PodAnswer> {
  const script = `
    const { get } = require('node:http');
    const headers = ${JSON.stringify(host === undefined ? {} : { host })};
    const say = (status, body, headers = {}) => console.log(JSON.stringify({ status, body, headers }));
    get(${JSON.stringify(url)}, { headers, agent: false, signal: AbortSignal.timeout(8000) }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk) => (body += chunk));
      answer.on('end', () => say(answer.statusCode, body, answer.headers));
    }).on('error', (error) => say(0, error.code ?? error.message));`;
  return JSON.parse(await pod.run(process.execPath, '-e', script));
}
