/** Two workloads of a mesh and a machine outside of it, each with a network of its own; rules bring all traffic to Envoy. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { istioIptables } from '../support/intercepted-pod.ts';
import type { RunningAgent } from '../support/launch.ts';
import { type MeshFolder, meshFolder, sidecar } from '../support/mesh-folder.ts';
import { callFrom, meshNetwork, type NetPod } from '../support/mesh-network.ts';
import { echoTo, startServers, statsOf } from '../support/mesh-programs.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

type Families = 'ipv4' | 'ipv6' | 'both';

const addresses = (families: Families, four: string, six: string) => [
  ...(families === 'ipv6' ? [] : [four]),
  ...(families === 'ipv4' ? [] : [six]),
];

const pod = (name: string, { ip, ip6 }: NetPod, families: Families) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${name}}}
spec: {containers: [{name: app, image: app}]}
status: {podIPs: ${JSON.stringify(addresses(families, ip, ip6).map((each) => ({ ip: each })))}}`;

interface Scene {
  readonly client: NetPod;
  readonly server: NetPod;
  readonly outside: NetPod;
  readonly mesh: MeshFolder;
  readonly agents: { readonly client: RunningAgent; readonly server: RunningAgent };
}

interface Parts {
  /** Of the server; the client is redirected always. */
  readonly mode?: 'REDIRECT' | 'TPROXY';
  /** Of workloads, service and rules. */
  readonly families?: Families;
  readonly documents?: readonly string[];
}

async function scene({ mode = 'REDIRECT', families = 'ipv4', documents = [] }: Parts = {}): Promise<Scene> {
  const network = await meshNetwork(onTestFinished);
  const [client, server, outside] = [await network.pod(10), await network.pod(20), await network.pod(30)];
  const mesh = await meshFolder({
    'mesh.yaml': [
      pod('client', client, families),
      pod('server', server, families),
      `apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec:
  clusterIPs: ${JSON.stringify(addresses(families, '10.96.0.2', 'fd00:96::2'))}
  selector: {app: server}
  ports: [{name: http, port: 80, targetPort: 9080}, {name: tcp, port: 7000}, {name: plain, port: 7001}]`,
      ...documents,
    ].join('\n---\n'),
  });
  await startServers(server, { name: 'server', http: [9080, 8081], echo: [7000, 7001] });
  await startServers(outside, { name: 'outside', http: [80, 7777], echo: [7000] });
  const rules = ['-u', '1337', '-i', '*', '-b', '*', ...(families === 'ipv4' ? [] : ['--dual-stack'])];
  await istioIptables(client, ...rules);
  // With TPROXY the rules of 1.5 send what arrives to 15001, where nobody keeps the client's address.
  const transparent = ['-m', 'TPROXY', '--compat', '1.30'];
  await istioIptables(server, ...rules, ...(mode === 'TPROXY' ? transparent : []));
  const start = (name: string, at: NetPod, interception: string) =>
    startAgent({
      through: at.enter(),
      args: ['--meshDir', mesh.folder],
      env: {
        POD_NAME: name,
        POD_NAMESPACE: 'default',
        INSTANCE_IP: families === 'ipv6' ? at.ip6 : at.ip,
        ISTIO_META_INTERCEPTION_MODE: interception,
      },
    });
  const agents = {
    client: await start('client', client, 'REDIRECT'),
    server: await start('server', server, mode),
  };
  for (const agent of [agents.client, agents.server]) await agent.says('is LIVE');
  const one = { client, server, outside, mesh, agents };
  await until(
    'the mesh is up',
    async () =>
      (await fromClient(one, families === 'ipv6' ? 'http://[fd00:96::2]/' : 'http://10.96.0.2/', 'server'))
        .status === 200,
  );
  return one;
}

const TO_SERVER = 'cluster.outbound|80||server.default.svc.cluster.local;.upstream_rq_total';
const fromClient = ({ client }: Scene, url: string, host?: string) => callFrom(client, url, host);

describe.runIf(isRoot && hasTool('iptables-restore'))('a captured mesh', () => {
  it('carries HTTP, TCP and what is unknown, in and out, and calls nobody for ever', async () => {
    const here = await scene();
    const { client, server, outside, agents } = here;
    // By its address and its name, through both Envoys.
    const answer = await fromClient(here, 'http://10.96.0.2/', 'server');
    expect(JSON.parse(answer.body)).toEqual({ name: 'server', port: 9080, from: '127.0.0.1' });
    const stats = await statsOf(server, agents.server);
    expect(stats('cluster.inbound|9080||;.upstream_rq_200')).toBeGreaterThan(0);
    // By its address alone.
    expect((await fromClient(here, 'http://10.96.0.2/')).status).toBe(200);
    // TCP, and a port of which nothing is known.
    for (const port of [7000, 7001]) {
      expect(await echoTo(client, '10.96.0.2', port)).toBe('echo');
    }
    // What no service has: anybody may be called, on a port of the mesh and on another.
    for (const url of [`http://${outside.ip}/`, `http://${outside.ip}:7777/`]) {
      expect(JSON.parse((await fromClient(here, url)).body), url).toMatchObject({
        name: 'outside',
        from: client.ip,
      });
    }
    // And anybody may call, on ports of services and on others.
    const inbound = async (port: number) =>
      JSON.parse((await callFrom(outside, `http://${server.ip}:${port}/`)).body).from;
    expect(await inbound(9080)).toBe('127.0.0.1');
    const { headers } = await callFrom(outside, `http://${server.ip}:9080/`);
    expect(headers['server']).toBe('istio-envoy');
    expect(await inbound(8081)).toBe('127.0.0.6');
    // But not Envoy's own ports.
    for (const port of [15_001, 15_006]) {
      expect((await callFrom(outside, `http://${server.ip}:${port}/`)).status, String(port)).toBe(0);
    }
  });

  it.each([
    ['beside IPv4', 'both', '127.0.0.1'],
    ['alone', 'ipv6', '::1'],
  ] as const)('carries IPv6 %s', async (_, families, loopback) => {
    const here = await scene({ families });
    const { client, server, outside, agents } = here;
    const before = (await statsOf(client, agents.client))(TO_SERVER);
    for (const host of ['server', undefined]) {
      const answer = await fromClient(here, 'http://[fd00:96::2]/', host);
      expect(JSON.parse(answer.body)).toMatchObject({ name: 'server', port: 9080 });
      expect(answer.headers['server']).toBe('envoy');
    }
    expect((await statsOf(client, agents.client))(TO_SERVER)).toBe(before + 2);
    for (const port of [7000, 7001]) expect(await echoTo(client, 'fd00:96::2', port)).toBe('echo');
    for (const port of [80, 7777]) {
      const { body } = await fromClient(here, `http://[${outside.ip6}]:${port}/`);
      expect(JSON.parse(body)).toMatchObject({ name: 'outside', from: client.ip6 });
    }
    expect((await statsOf(client, agents.client))('cluster.PassthroughCluster;.upstream_cx_total')).toBe(2);
    const inbound = async (port: number) =>
      JSON.parse((await callFrom(outside, `http://[${server.ip6}]:${port}/`)).body).from;
    expect(await inbound(9080)).toBe(loopback);
    expect(await inbound(8081)).toBe('::6');
    for (const port of [15_001, 15_006]) {
      expect((await callFrom(outside, `http://[${server.ip6}]:${port}/`)).status, String(port)).toBe(0);
    }
  });

  it('keeps to the registry where the Sidecar says so: 502 and a broken connection', async () => {
    const here = await scene({
      documents: [sidecar('  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n  egress: [{hosts: ["*/*"]}]')],
    });
    const { outside, client } = here;
    expect((await fromClient(here, 'http://10.96.0.2/', 'server')).status).toBe(200);
    expect((await fromClient(here, `http://${outside.ip}/`)).status).toBe(502);
    expect((await fromClient(here, `http://${outside.ip}:7777/`)).status).toBe(0);
    expect(await echoTo(client, outside.ip, 7000)).toBe('nothing');
  });

  it('keeps the address of the client with TPROXY', async () => {
    const here = await scene({ mode: 'TPROXY' });
    const { client, server, outside } = here;
    const answer = await fromClient(here, 'http://10.96.0.2/', 'server');
    expect(JSON.parse(answer.body)).toEqual({ name: 'server', port: 9080, from: client.ip });
    expect(JSON.parse((await callFrom(outside, `http://${server.ip}:8081/`)).body).from).toBe(outside.ip);
    expect(await echoTo(client, '10.96.0.2', 7000)).toBe('echo');
  });
});
