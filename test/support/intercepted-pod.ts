import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { PILOT_AGENT } from './agent.ts';
import { makeFolder } from './folder.ts';
import { interceptionResources } from './interception-config.ts';
import { launchAgent, type RunningAgent } from './launch.ts';
import type { OnClose } from './on-close.ts';
import { as, type Place, type PodNetwork, podNetwork } from './pod-network.ts';
import { until } from './until.ts';

const ECHO = fileURLToPath(new URL('../system/fixtures/echo-server.mjs', import.meta.url));
const APPLICATION = 1000;
const PROXY = 1337;
export const VIP = { ipv4: '10.96.0.2', ipv6: 'fd00:96::2' };

/** What a server of `echo-server.mjs` saw. */
export interface Seen {
  readonly client: string;
  readonly at: string;
}

/** Connections that Envoy has had so far. */
export interface Counts {
  readonly inbound: number;
  readonly outbound: number;
}

export interface InterceptedPod extends PodNetwork {
  readonly agent: RunningAgent;
  /** GET from a place. @throws when nothing answers */
  get(from: Place, url: string): Promise<Seen>;
  /** GET by the application. */
  fromApplication(url: string): Promise<Seen>;
  readonly initOutput: string;
  /** The pod's network before its init container, see `networkState`. */
  readonly before: string;
  /** What an action adds to Envoy's connections. */
  through<T>(action: () => Promise<T>): Promise<{ readonly result: T } & Counts>;
}

export interface PodOptions {
  /** Of the init container. */
  readonly init: readonly string[];
  /** In whose tables somebody else has rules already. */
  readonly tables: 'nft' | 'legacy';
  readonly transparent?: boolean;
}

/** Runs `istio-iptables` in a place, as an init container would. @returns what it prints */
export function istioIptables(place: Pick<Place, 'run'>, ...args: readonly string[]): Promise<string> {
  return place.run(process.execPath, PILOT_AGENT, 'istio-iptables', ...args);
}

/** A pod with its init container done, its application and its sidecar running, and servers outside. */
export async function interceptedPod(onClose: OnClose, options: PodOptions): Promise<InterceptedPod> {
  const network = await podNetwork(onClose);
  const { pod, node, client } = network;
  await putForeignRules(pod, options.tables);
  const before = await networkState(pod);
  const initOutput = await istioIptables(pod, ...options.init);
  const resources = interceptionResources(
    [
      { vip: VIP.ipv4, address: pod.ipv4, port: 9080 },
      { vip: VIP.ipv6, address: pod.ipv6, port: 9080 },
    ],
    options.transparent,
  );
  const folder = await makeFolder(onClose);
  await writeFile(`${folder}/lds.yaml`, JSON.stringify({ resources: resources.listeners }));
  await writeFile(`${folder}/cds.yaml`, JSON.stringify({ resources: resources.clusters }));

  const everywhere = [`${pod.ipv4}=9080`, `${pod.ipv6}=9080`, '127.0.0.1=9080', '::1=9080', '::=9081'];
  await serve(onClose, pod.enter(...as(APPLICATION, process.execPath, ECHO, ...everywhere)));
  await serve(onClose, pod.enter(process.execPath, ECHO, '::=22'));
  await serve(onClose, client.enter(process.execPath, ECHO, '::=7777', '::=7778'));
  await serve(onClose, node.enter(process.execPath, ECHO, '::=7777'));

  // Started as root, the agent becomes 1337 with Envoy. To be 1337 with a capability it has to be started so.
  const capable = ['--inh-caps', '+net_admin', '--ambient-caps', '+net_admin'];
  const [setpriv, ...ids] = as(PROXY);
  const agent = await launchAgent(onClose, {
    executable: PILOT_AGENT,
    through: options.transparent ? pod.enter(setpriv, ...ids, ...capable) : pod.enter(),
    args: [
      '--localConfig',
      folder,
      ...['--drainDuration', '1s', '--parentShutdownDuration', '2s'],
      '--proxyAdminPort',
      '15000',
      '--statusPort',
      '15020',
      '--prometheusPort',
      '15090',
    ],
    ...(options.transparent ? { binary: await envoyForAll(onClose) } : {}),
  });
  const counts = async (): Promise<Counts> => {
    const text = await pod.run(
      'curl',
      '-s',
      '--max-time',
      '5',
      'http://127.0.0.1:15000/stats?filter=downstream_cx_total',
    );
    const of = (name: string) =>
      Number(new RegExp(`^tcp\\.${name}\\.downstream_cx_total: (\\d+)`, 'm').exec(text)?.[1] ?? 0);
    return { inbound: of('inbound'), outbound: of('outbound') };
  };
  await until(
    'the pod is ready',
    () => pod.run('curl', '-sf', '--max-time', '2', 'http://127.0.0.1:15020/healthz/ready').then(() => true),
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`the sidecar is not ready; it said:\n${agent.output()}`, { cause: error });
  });
  const ask = async (from: Place, url: string, uid?: number) => {
    const command = ['curl', '-sSfg', '--max-time', '5', url];
    return JSON.parse(await from.run(...(uid === undefined ? command : as(uid, ...command)))) as Seen;
  };
  return {
    ...network,
    agent,
    initOutput,
    before,
    get: (from, url) => ask(from, url),
    fromApplication: (url) => ask(pod, url, APPLICATION),
    through: async (action) => {
      const before = await counts();
      const result = await action();
      const after = await counts();
      return { result, inbound: after.inbound - before.inbound, outbound: after.outbound - before.outbound };
    },
  };
}

/** Rules of somebody else, in every table that this program touches, equal to none of its own but one. */
export async function putForeignRules(place: Place, tables: 'nft' | 'legacy'): Promise<void> {
  for (const program of ['iptables', 'ip6tables']) {
    const add = (...rule: string[]) => place.run(`${program}-${tables}`, '-w', ...rule);
    await add('-t', 'nat', '-A', 'PREROUTING', '-p', 'tcp', '--dport', '9', '-j', 'RETURN');
    await add('-t', 'nat', '-A', 'OUTPUT', '-o', 'other0', '-j', 'RETURN');
    await add('-t', 'mangle', '-A', 'OUTPUT', '-p', 'udp', '--dport', '9', '-j', 'MARK', '--set-mark', '9');
    await add('-t', 'raw', '-A', 'PREROUTING', '-i', 'other0', '-j', 'ACCEPT');
    await add('-t', 'filter', '-A', 'INPUT', '-p', 'tcp', '--dport', '9', '-j', 'DROP');
  }
}

/** All tables, rules, routes and addresses of a place, as text that is the same when they are. */
export async function networkState(place: Place): Promise<string> {
  const kinds = ['iptables-nft', 'iptables-legacy', 'ip6tables-nft', 'ip6tables-legacy'];
  const saves = kinds.map((kind) => place.run(`${kind}-save`));
  const others = [
    '-4 rule',
    '-6 rule',
    '-4 route show table all',
    '-6 route show table all',
    '-o addr show dev lo',
  ];
  const asked = others.map((words) => place.run('ip', ...words.split(' ')));
  const text = (await Promise.all([...saves, ...asked])).join('\n');
  return text
    .split('\n')
    .filter((line) => !/^#|fe80|ff00::/.test(line)) // those come when they like
    .map((line) => line.replace(/ \[\d+:\d+\]$/, ''))
    .join('\n');
}

/** Starts a server that prints when it is open. */
export async function serve(onClose: OnClose, [file, ...args]: [string, ...string[]]): Promise<ChildProcess> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  onClose(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then(() => Promise.reject(new Error(`${args.join(' ')} has ended`))),
  ]);
  return child;
}

/** A copy of Envoy that every user can run. */
async function envoyForAll(onClose: OnClose): Promise<string> {
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
  const copy = `${await makeFolder(onClose)}/envoy`;
  await copyFile(envoy, copy, constants.COPYFILE_FICLONE);
  return copy;
}
