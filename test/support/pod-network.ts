import { execa } from 'execa';
import type { OnClose } from './on-close.ts';

/** A network namespace with a name, in which programs can be run. */
export interface Place {
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6: string;
  /** The command line that runs another in it. */
  enter(...command: string[]): [string, ...string[]];
  /** Runs a program in it, with a deadline. @returns what it prints @throws when it fails */
  run(...command: string[]): Promise<string>;
}

export interface PodNetwork {
  readonly pod: Place;
  /** The machine that the pod is on: its kubelet. */
  readonly node: Place;
  /** Another machine, reached by way of the node. */
  readonly client: Place;
}

const DEADLINE_MS = 20_000;
const ADDRESSES = {
  pod: ['10.77.1.2', 'fd00:77:1::2', '10.77.1.1', 'fd00:77:1::1'],
  client: ['10.77.2.2', 'fd00:77:2::2', '10.77.2.1', 'fd00:77:2::1'],
} as const;
let made = 0;

/**
 * A pod, the machine under it and a client behind that, each with a network of its own; the machine's own network is not touched.
 * Needs root.
 */
export async function podNetwork(onClose: OnClose): Promise<PodNetwork> {
  made += 1;
  const place = (kind: string, ipv4: string, ipv6: string): Place => {
    const name = `${kind}-${process.pid}-${made}`;
    const enter = (...command: string[]): [string, ...string[]] => ['ip', 'netns', 'exec', name, ...command];
    return { name, ipv4, ipv6, enter, run: (...command) => call(...enter(...command)) };
  };
  const node = place('node', ADDRESSES.pod[2], ADDRESSES.pod[3]);
  const pod = place('pod', ADDRESSES.pod[0], ADDRESSES.pod[1]);
  const client = place('client', ADDRESSES.client[0], ADDRESSES.client[1]);
  for (const { name } of [node, pod, client]) {
    await call('ip', 'netns', 'add', name);
    onClose(async () => void (await call('ip', 'netns', 'del', name)));
    await call('ip', '-n', name, 'link', 'set', 'lo', 'up');
  }
  await node.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  for (const [kind, { name }] of Object.entries({ pod, client })) {
    const [ipv4, ipv6, gateway4, gateway6] = ADDRESSES[kind === 'pod' ? 'pod' : 'client'];
    const veth = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', name];
    await call('ip', '-n', node.name, 'link', 'add', `to-${kind}`, ...veth);
    await configure(node.name, `to-${kind}`, [`${gateway4}/24`, `${gateway6}/64`]);
    await configure(name, 'eth0', [`${ipv4}/24`, `${ipv6}/64`]);
    await call('ip', '-n', name, 'route', 'add', 'default', 'via', gateway4);
    await call('ip', '-n', name, '-6', 'route', 'add', 'default', 'via', gateway6);
  }
  return { pod, node, client };
}

/** The command line that runs another as somebody else. */
export function as(uid: number, ...command: string[]): [string, ...string[]] {
  return ['setpriv', '--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', ...command];
}

async function configure(namespace: string, link: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const nodad = address.includes(':') ? ['nodad'] : [];
    await call('ip', '-n', namespace, 'addr', 'add', address, 'dev', link, ...nodad);
  }
  await call('ip', '-n', namespace, 'link', 'set', link, 'up');
}

async function call(file: string, ...args: string[]): Promise<string> {
  return (await execa(file, args, { timeout: DEADLINE_MS })).stdout;
}
