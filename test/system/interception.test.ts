import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type InterceptedPod,
  interceptedPod,
  istioIptables,
  networkState,
  type PodOptions,
  VIP,
} from '../support/intercepted-pod.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

const able = isRoot && ['ip', 'iptables-nft', 'iptables-legacy', 'setpriv', 'curl', 'sysctl'].every(hasTool);

/** The seed's command line, with exceptions that the tests can look at. */
const SEED = [
  '-p',
  '15001',
  '-z',
  '15006',
  '-u',
  '1337',
  '-m',
  'REDIRECT',
  '-i',
  '*',
  '-b',
  '*',
  '-d',
  '15090,15020',
];
const EXCEPTIONS = ['-x', '10.77.1.1/32,fd00:77:1::1/128', '-o', '7778'];
const BOTH_FAMILIES = ['--dual-stack', '--compat', '1.5'];

interface Scene extends PodOptions {
  readonly name: string;
  /** From where the application is called by Envoy: the client's address only with TPROXY. */
  readonly keepsClient: boolean;
  readonly exempt: readonly number[];
}

const SCENES: readonly Scene[] = [
  {
    name: 'the rules of 1.5, tables of nft',
    init: [...SEED, ...EXCEPTIONS, ...BOTH_FAMILIES],
    tables: 'nft',
    keepsClient: false,
    exempt: [15020, 15090, 22],
  },
  {
    name: 'the rules of 1.5, legacy tables',
    init: [...SEED, ...EXCEPTIONS, ...BOTH_FAMILIES],
    tables: 'legacy',
    keepsClient: false,
    exempt: [15020, 15090, 22],
  },
  {
    name: 'the rules of 1.30, tables of nft',
    init: [...SEED, ...EXCEPTIONS, '--dual-stack', '--drop-invalid'],
    tables: 'nft',
    keepsClient: false,
    exempt: [15020, 15090],
  },
  {
    name: 'TPROXY, tables of nft',
    init: [...SEED, ...EXCEPTIONS, '-m', 'TPROXY', '--dual-stack'],
    tables: 'nft',
    transparent: true,
    keepsClient: true,
    exempt: [15020, 15090],
  },
  {
    name: 'TPROXY, legacy tables',
    init: [...SEED, ...EXCEPTIONS, '-m', 'TPROXY', '--dual-stack'],
    tables: 'legacy',
    transparent: true,
    keepsClient: true,
    exempt: [15020, 15090],
  },
];

/** The two families as a URL writes them, and as a server that listens on `::` sees them. */
const FAMILIES = [
  { family: 'ipv4', host: (address: string) => address, seen: (address: string) => `::ffff:${address}` },
  { family: 'ipv6', host: (address: string) => `[${address}]`, seen: (address: string) => address },
] as const;

describe.runIf(able).each(SCENES)('a pod behind $name', (scene) => {
  let pod: InterceptedPod;
  const open: (() => void | Promise<void>)[] = [];
  beforeAll(async () => {
    pod = await interceptedPod((close) => open.unshift(close), scene);
  });
  afterAll(async () => {
    for (const close of open) await close();
  });

  const TAKEN = { inbound: 1, outbound: 0 };
  const SENT = { inbound: 0, outbound: 1 };
  const DIRECT = { inbound: 0, outbound: 0 };

  describe.each(FAMILIES)('by $family', ({ family, host, seen }) => {
    const url = (address: string, port: number) => `http://${host(address)}:${port}/`;

    const inboundOnce = async () => {
      const { result, ...counts } = await pod.through(() => pod.get(pod.client, url(pod.pod[family], 9080)));
      expect(counts).toEqual(TAKEN);
      const passthrough = family === 'ipv4' ? '127.0.0.6' : '::6';
      expect(result.client).toBe(scene.keepsClient ? pod.client[family] : passthrough);
    };
    const outboundOnce = async () => {
      const { result, ...counts } = await pod.through(() =>
        pod.fromApplication(url(pod.client[family], 7777)),
      );
      expect(counts).toEqual(SENT);
      expect(result).toEqual({ client: seen(pod.pod[family]), at: `${seen(pod.client[family])}=7777` });
    };
    const itselfOnce = async () => {
      const { result, ...counts } = await pod.through(() => pod.fromApplication(url(VIP[family], 9080)));
      expect(counts).toEqual({ inbound: 1, outbound: 1 });
      expect(result.at).toBe(`${pod.pod[family]}=9080`);
    };

    it("hands a client's connection to Envoy, once, and Envoy to the application", inboundOnce);
    it("hands the application's connection to Envoy, once, and Envoy to the world", outboundOnce);
    it(
      'hands a call of the application to its own service to Envoy twice: out, and in by the inbound listener',
      itselfOnce,
    );

    it('hands a connection of kubelet to Envoy too', async () => {
      const { result, ...counts } = await pod.through(() => pod.get(pod.node, url(pod.pod[family], 9081)));
      expect(counts).toEqual(TAKEN);
      expect(result.at).toContain('=9081');
    });

    it('leaves loopback direct', async () => {
      const loopback = family === 'ipv4' ? '127.0.0.1' : '::1';
      const { result, ...counts } = await pod.through(() => pod.fromApplication(url(loopback, 9080)));
      expect(counts).toEqual(DIRECT);
      expect(result).toEqual({ client: loopback, at: `${loopback}=9080` });
    });

    it("leaves a call of the application to the pod's very address direct", async () => {
      const { result, ...counts } = await pod.through(() => pod.fromApplication(url(pod.pod[family], 9080)));
      expect(counts).toEqual(DIRECT);
      expect(result.client).toBe(pod.pod[family]);
    });

    it('leaves what is sent to an excluded address direct (-x)', async () => {
      const { result, ...counts } = await pod.through(() => pod.fromApplication(url(pod.node[family], 7777)));
      expect(counts).toEqual(DIRECT);
      expect(result.client).toBe(seen(pod.pod[family]));
    });

    it('leaves what is sent to an excluded port direct (-o)', async () => {
      const { counts } = await countsOf(() => pod.fromApplication(url(pod.client[family], 7778)));
      expect(counts).toEqual(DIRECT);
    });

    it.each(scene.exempt)('leaves port %i direct, for clients and for kubelet (-d, ssh)', async (port) => {
      for (const from of [pod.client, pod.node]) {
        const { counts, result } = await countsOf(() => connects(from, pod.pod[family], port));
        expect({ counts, result }).toEqual({ counts: DIRECT, result: true });
      }
    });

    it('does all of this after a hot restart too', async () => {
      await restartOnce();
      await inboundOnce();
      await outboundOnce();
      await itselfOnce();
    });
  });

  async function countsOf<T>(action: () => Promise<T>) {
    const { result, ...counts } = await pod.through(action);
    return { result, counts };
  }

  /** Whether something that is no Envoy listener takes a connection. */
  async function connects(from: InterceptedPod['node'], address: string, port: number): Promise<boolean> {
    const script = `require('net').connect(${port}, '${address}').once('connect', () => process.exit(0)).once('error', () => process.exit(1))`;
    return from.run(process.execPath, '-e', script).then(
      () => true,
      () => false,
    );
  }

  async function restartOnce(): Promise<void> {
    const info = async () =>
      JSON.parse(
        await pod.pod.run('curl', '-s', '--max-time', '5', 'http://127.0.0.1:15000/server_info'),
      ) as {
        readonly state: string;
        readonly command_line_options: { readonly restart_epoch: number };
      };
    const before = (await info()).command_line_options.restart_epoch;
    pod.agent.signal('SIGHUP');
    await until(
      'the next epoch serves alone',
      async () => {
        const { state, command_line_options: now } = await info();
        return state === 'LIVE' && now.restart_epoch === before + 1 && pod.agent.envoys().length === 1;
      },
      30_000,
    );
  }

  it('changes nothing when the init container runs again', async () => {
    const state = await networkState(pod.pod);
    expect(await istioIptables(pod.pod, ...scene.init)).toBe(
      'The rules are in place already: nothing is changed.',
    );
    expect(await networkState(pod.pod)).toBe(state);
  });

  it('is as before after clean-up, with the rules of others in their places', async () => {
    expect(await networkState(pod.pod)).not.toBe(pod.before);
    expect(await istioIptables(pod.pod, '--cleanup-only')).toContain('The rules are gone.');
    expect(await networkState(pod.pod)).toBe(pod.before);
    const { result, ...counts } = await pod.through(() =>
      pod.get(pod.client, `http://${pod.pod.ipv4}:9080/`),
    );
    expect({ counts, client: result.client }).toEqual({ counts: DIRECT, client: pod.client.ipv4 });
  });
});
