/** The Sidecars of the seed with a real Envoy: whom productpage of prod-us1 may call, whom it may not, and who may call it. */
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { NAMESPACES_ONLY, NO_IPTABLES, PARTIAL_IPTABLES, SERVICES, UNIX_SOCKET } from '../mesh/seed.ts';
import { startAgent } from '../support/agent.ts';
import { istioIptables } from '../support/intercepted-pod.ts';
import { type MeshFolder, meshFolder } from '../support/mesh-folder.ts';
import { callFrom, meshNetwork, type NetPod } from '../support/mesh-network.ts';
import { echoTo, type Serving, startServers, statsOf } from '../support/mesh-programs.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

const REVIEWS = { vip: '10.96.0.2', ip: '172.16.1.40' };
const RATINGS = { vip: '10.96.0.3', ip: '172.16.1.41' };
const TELE = { vip: '10.96.0.4', ip: '172.16.1.42' };
/** Has mysql.foo.com, a service of ns1, and what no file names. */
const OUTSIDE = { ip: '172.16.1.50' };

const endpoints = (name: string, namespace: string, ip: string, ports: string) => `apiVersion: v1
kind: Endpoints
metadata: {name: ${name}, namespace: ${namespace}}
subsets: [{addresses: [{ip: ${ip}}], ports: [${ports}]}]`;

const MESH = [
  SERVICES.replace('resolution: DNS', `resolution: DNS\n  endpoints: [{address: ${OUTSIDE.ip}}]`),
  endpoints(
    'reviews',
    'prod-us1',
    REVIEWS.ip,
    '{name: http, port: 9080}, {name: tcp, port: 7000}, {name: other, port: 7001}',
  ),
  endpoints('ratings', 'prod-apis', RATINGS.ip, '{name: http, port: 9080}'),
  endpoints('tele', 'istio-system', TELE.ip, '{name: http, port: 9080}, {name: http-stats, port: 8888}'),
  `apiVersion: v1
kind: Service
metadata: {name: hidden, namespace: ns1}
spec: {clusterIP: 10.96.0.5, ports: [{name: http, port: 9080}]}`,
  endpoints('hidden', 'ns1', OUTSIDE.ip, '{name: http, port: 9080}'),
].join('\n---\n');

const registryOnly = (sidecar: string) => `${sidecar}\n  outboundTrafficPolicy:\n    mode: REGISTRY_ONLY`;

interface Scene {
  readonly productpage: NetPod;
  readonly outside: NetPod;
  readonly mesh: MeshFolder;
  /** Name of the server that a call of productpage reaches, or the status of another answer; 0 when the connection breaks. */
  call(url: string, host?: string): Promise<string | number>;
  /** The same for a call from outside. */
  callIn(url: string): Promise<string | number>;
  /** What a TCP connection of productpage gets. */
  echo(host: string, port: number): Promise<'echo' | 'nothing'>;
  stats(): Promise<(name: string) => number>;
  /** Names of Envoy's clusters. */
  clusters(): Promise<ReadonlySet<string>>;
  /** Addresses on which productpage's Envoy has a socket. */
  listeners(): Promise<string>;
}

interface Parts {
  readonly sidecar: string;
  readonly services?: string;
  /** What productpage serves. */
  readonly serves: Serving['http'];
  /** Of `istio-iptables`; left out, nothing is redirected. */
  readonly rules?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function scene({ sidecar, services = MESH, serves = [], rules, env = {} }: Parts): Promise<Scene> {
  const network = await meshNetwork(onTestFinished);
  const machine = async (last: number, serving: Serving) => {
    const pod = await network.pod(last);
    await startServers(pod, serving);
    return pod;
  };
  const [productpage, outside] = await Promise.all([
    machine(32, { name: 'productpage', http: serves }),
    machine(50, { name: 'outside', http: [9080, 7777], echo: [3306] }),
    machine(40, { name: 'reviews', http: [9080], echo: [7000, 7001] }),
    machine(41, { name: 'ratings', http: [9080] }),
    machine(42, { name: 'tele', http: [9080, 8888] }),
  ]);
  // As container runtimes do, so that not only root may have port 80.
  await productpage.run('sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=0');
  const mesh = await meshFolder({ 'mesh.yaml': services, 'sidecar.yaml': sidecar });
  if (rules !== undefined) await istioIptables(productpage, ...rules);
  const agent = await startAgent({
    through: productpage.enter(),
    args: ['--meshDir', mesh.folder],
    env: { POD_NAME: 'productpage-v1', POD_NAMESPACE: 'prod-us1', INSTANCE_IP: productpage.ip, ...env },
  });
  await agent.says('is LIVE');
  const admin = async (path: string) =>
    (await callFrom(productpage, `http://127.0.0.1:${agent.ports.admin}${path}`)).body;
  await until('Envoy is ready', async () => (await admin('/ready')).includes('LIVE'));
  const call = async (from: NetPod, url: string, host?: string) => {
    const { status, body } = await callFrom(from, url, host);
    return status === 200 ? String(JSON.parse(body).name) : status;
  };
  return {
    productpage,
    outside,
    mesh,
    call: (url, host) => call(productpage, url, host),
    callIn: (url) => call(outside, url),
    echo: (host, port) => echoTo(productpage, host, port),
    stats: () => statsOf(productpage, agent),
    clusters: async () =>
      new Set((await admin('/clusters')).split('\n').map((line) => line.split('::')[0] ?? '')),
    listeners: () => admin('/listeners'),
  };
}

/** Everything but the traffic of Envoy's user; without `-u` that of root, who runs the applications here, would be left out as well. */
const ALL = ['-u', '1337', '-i', '*', '-b', '*'];
const requests = (port: number, host: string) => `cluster.outbound|${port}||${host};.upstream_rq_total`;
const connections = (port: number, host: string) => `cluster.outbound|${port}||${host};.upstream_cx_total`;
const PASSED_ON = 'cluster.PassthroughCluster;.upstream_cx_total';

describe.runIf(isRoot && hasTool('iptables-restore'))("the seed's Sidecar", () => {
  it('of prod-us1 lets call prod-us1, prod-apis and istio-system, and nothing of ns1', async () => {
    const here = await scene({ sidecar: NAMESPACES_ONLY, serves: [9080], rules: ALL });
    const passing = async () => {
      expect(await here.call(`http://${REVIEWS.vip}:9080/`, 'reviews:9080')).toBe('reviews');
      expect(await here.call(`http://${RATINGS.vip}:9080/`, 'ratings.prod-apis')).toBe('ratings');
      expect(await here.call(`http://${TELE.vip}:8888/`, 'tele.istio-system')).toBe('tele');
      expect(await here.echo(REVIEWS.vip, 7000)).toBe('echo');
    };
    await passing();
    const stats = await here.stats();
    expect(stats(requests(9080, 'reviews.prod-us1.svc.cluster.local'))).toBe(1);
    expect(stats(requests(9080, 'ratings.prod-apis.svc.cluster.local'))).toBe(1);
    expect(stats(requests(8888, 'tele.istio-system.svc.cluster.local'))).toBe(1);
    expect(stats(connections(7000, 'reviews.prod-us1.svc.cluster.local'))).toBe(1);
    expect(stats(PASSED_ON)).toBe(0);
    // What it does not see is reached only as anything outside is.
    expect(await here.call(`http://${OUTSIDE.ip}:9080/`, 'hidden.ns1')).toBe('outside');
    expect(await here.echo(OUTSIDE.ip, 3306)).toBe('echo');
    expect((await here.stats())(PASSED_ON)).toBe(2);
    expect([...(await here.clusters())].filter((name) => /mysql|ns1/.test(name))).toEqual([]);
    expect(await here.callIn(`http://${here.productpage.ip}:9080/`)).toBe('productpage');
    expect((await here.stats())('cluster.inbound|9080||;.upstream_rq_200')).toBe(1);
    // And not at all where only the registry may be called.
    await here.mesh.write('sidecar.yaml', registryOnly(NAMESPACES_ONLY));
    await until(
      'hidden is blocked',
      async () => (await here.call(`http://${OUTSIDE.ip}:9080/`, 'hidden.ns1')) === 502,
    );
    await until('mysql is blocked', async () => (await here.echo(OUTSIDE.ip, 3306)) === 'nothing');
    const before = (await here.stats())(PASSED_ON);
    expect(await here.call(`http://${OUTSIDE.ip}:7777/`)).toBe(0);
    await passing();
    expect((await here.stats())(PASSED_ON)).toBe(before);
  });

  it('with ingress 9080 serves the application on its Unix socket, and lets call 9080 of prod-us1 and istio-system', async () => {
    const socket = join(await tempFolder(), 'someuds.sock');
    const sidecar = UNIX_SOCKET.replace('/var/run/someuds.sock', socket);
    const here = await scene({ sidecar, serves: [socket], rules: ALL });
    expect(await here.callIn(`http://${here.productpage.ip}:9080/`)).toBe('productpage');
    expect((await here.stats())('cluster.inbound|9080||;.upstream_rq_200')).toBe(1);
    const passing = async () => {
      expect(await here.call(`http://${REVIEWS.vip}:9080/`, 'reviews')).toBe('reviews');
      expect(await here.call(`http://${TELE.vip}:8888/`, 'tele.istio-system:8888')).toBe('tele');
    };
    await passing();
    const stats = await here.stats();
    expect(stats(requests(9080, 'reviews.prod-us1.svc.cluster.local'))).toBe(1);
    expect(stats(requests(8888, 'tele.istio-system.svc.cluster.local'))).toBe(1);
    // Port 9080 belongs to the first listener, where istio-system is not; the second has no other service of prod-us1.
    expect(await here.call(`http://${TELE.ip}:9080/`, 'tele.istio-system')).toBe('tele');
    expect(await here.call(`http://${RATINGS.ip}:9080/`, 'ratings.prod-apis')).toBe('ratings');
    expect(await here.echo(REVIEWS.ip, 7000)).toBe('echo');
    const after = await here.stats();
    expect(after(PASSED_ON)).toBe(3);
    expect(after(requests(9080, 'tele.istio-system.svc.cluster.local'))).toBe(0);
    await here.mesh.write('sidecar.yaml', registryOnly(sidecar));
    await until(
      'ratings is blocked',
      async () => (await here.call(`http://${RATINGS.ip}:9080/`, 'ratings.prod-apis')) === 502,
    );
    expect(await here.call(`http://${TELE.vip}:9080/`, 'tele.istio-system')).toBe(502);
    await until('TCP is blocked', async () => (await here.echo(REVIEWS.ip, 7000)) === 'nothing');
    await passing();
  });

  it.each([
    ['by its capture modes', {}],
    ['by the metadata of the whole proxy', { ISTIO_META_INTERCEPTION_MODE: 'NONE' }],
  ] as const)('without rules serves 9080 and has mysql on loopback and nothing else: %s', async (_, env) => {
    const here = await scene({ sidecar: NO_IPTABLES, serves: [8080], env });
    await until('the listeners are there', async () => {
      const listeners = await here.listeners();
      return listeners.includes('127.0.0.1_3306') && listeners.includes(`${here.productpage.ip}_9080`);
    });
    expect(await here.echo('127.0.0.1', 3306)).toBe('echo');
    expect(await here.callIn(`http://${here.productpage.ip}:9080/`)).toBe('productpage');
    const stats = await here.stats();
    expect(stats(connections(3306, 'mysql.foo.com'))).toBe(1);
    expect(stats('cluster.inbound|9080||;.upstream_rq_200')).toBe(1);
    // Nobody else is to be had by Envoy.
    expect([...(await here.clusters())].filter((name) => name.startsWith('outbound|'))).toEqual([
      'outbound|3306||mysql.foo.com',
    ]);
    expect(await here.call('http://127.0.0.1:9080/', 'reviews')).toBe(0);
    // What nothing captures, no policy blocks.
    expect(await here.call(`http://${REVIEWS.ip}:9080/`, 'reviews')).toBe('reviews');
    expect((await here.stats())(PASSED_ON)).toBe(0);
  });

  it('with rules for one network lets call all services of it, and serves 80 on an address of another', async () => {
    const services = MESH.replaceAll('10.96.0.', '192.168.0.');
    const vip = (of: { readonly vip: string }) => of.vip.replace('10.96.0.', '192.168.0.');
    // As on that machine: what it sends to 192.168.0.0/16 is captured, and nothing that arrives.
    const rules = ['-u', '1337', '-i', '192.168.0.0/16', '-b', ''];
    const here = await scene({ sidecar: PARTIAL_IPTABLES, services, serves: [8080], rules });
    await until('the listener is there', async () => (await here.listeners()).includes('172.16.1.32_80'));
    expect(await here.callIn(`http://${here.productpage.ip}/`)).toBe('productpage');
    expect(await here.call(`http://${vip(REVIEWS)}:9080/`, 'reviews')).toBe('reviews');
    expect(await here.call(`http://${vip(RATINGS)}:9080/`, 'ratings.prod-apis')).toBe('ratings');
    expect(await here.call('http://192.168.0.5:9080/', 'hidden.ns1')).toBe('outside');
    expect(await here.echo(vip(REVIEWS), 7000)).toBe('echo');
    const stats = await here.stats();
    expect(stats('cluster.inbound|80||;.upstream_rq_200')).toBe(1);
    expect(stats(requests(9080, 'hidden.ns1.svc.cluster.local'))).toBe(1);
    expect(stats(connections(7000, 'reviews.prod-us1.svc.cluster.local'))).toBe(1);
    // Of what goes to other networks Envoy knows nothing, nor of what arrives on other ports.
    expect(await here.call(`http://${OUTSIDE.ip}:7777/`)).toBe('outside');
    expect((await here.stats())(PASSED_ON)).toBe(0);
    expect(await here.callIn(`http://${here.productpage.ip}:8080/`)).toBe('productpage');
    expect((await here.stats())('cluster.inbound|80||;.upstream_rq_200')).toBe(1);
    // Of the network itself what no file names is passed on, until only the registry may be called.
    await here.outside.run('ip', 'addr', 'add', '192.168.0.9/32', 'dev', 'lo');
    await here.productpage.run('ip', 'route', 'add', '192.168.0.9', 'via', here.outside.ip);
    const unknown = () => here.call('http://192.168.0.9:9080/', 'nobody');
    expect(await unknown()).toBe('outside');
    expect((await here.stats())(PASSED_ON)).toBe(1);
    await here.mesh.write('sidecar.yaml', registryOnly(PARTIAL_IPTABLES));
    await until('it is blocked', async () => (await unknown()) === 502);
    expect(await here.call(`http://${vip(REVIEWS)}:9080/`, 'reviews')).toBe('reviews');
  });
});
