/** Two workloads of a mesh and a machine outside of it, each with a network of its own; rules bring all traffic to Envoy. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { NO_IPTABLES } from '../mesh/seed.ts';
import { startAgent } from '../support/agent.ts';
import type { RunningAgent } from '../support/launch.ts';
import { type MeshFolder, meshFolder, sidecar } from '../support/mesh-folder.ts';
import { callFrom, meshNetwork, type NetPod, startInPod } from '../support/mesh-network.ts';
import { redirectRules, tproxyRules } from '../support/redirect-rules.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

const PROXY = 1337;

/** HTTP servers that say who they are and who asked, and an echo. */
const SERVER = (name: string, http: readonly number[], echo: readonly number[]) => `
  const { createServer } = require('node:http');
  const tcp = require('node:net');
  const answer = (request, response) =>
    response.end(JSON.stringify({ name: '${name}', port: request.socket.localPort, from: request.socket.remoteAddress.replace('::ffff:', '') }));
  const up = [
    ...${JSON.stringify(http)}.map((port) => createServer(answer).listen(port)),
    ...${JSON.stringify(echo)}.map((port) => tcp.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(port)),
  ];
  Promise.all(up.map((server) => new Promise((done) => server.on('listening', done)))).then(() => console.log('up'));`;

const ECHO = (host: string, port: number) => `
  const socket = require('node:net').connect(${port}, '${host}');
  socket.setTimeout(8000, () => socket.destroy());
  socket.on('data', (data) => { console.log(String(data)); socket.destroy(); });
  socket.on('error', (error) => console.log(error.code)).on('close', () => console.log('closed'));
  socket.write('no HTTP');`;

const pod = (name: string, app: string, ip: string) => `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${app}}}
spec: {containers: [{name: app, image: app}]}
status: {podIP: ${ip}}`;

interface Scene {
  readonly client: NetPod;
  readonly server: NetPod;
  readonly outside: NetPod;
  readonly mesh: MeshFolder;
  readonly agents: { readonly client: RunningAgent; readonly server: RunningAgent };
}

async function scene(mode: 'REDIRECT' | 'TPROXY', ...more: readonly string[]): Promise<Scene> {
  const network = await meshNetwork(onTestFinished);
  const [client, server, outside] = [await network.pod(10), await network.pod(20), await network.pod(30)];
  const mesh = await meshFolder({
    'mesh.yaml': [
      pod('client', 'client', client.ip),
      pod('server', 'server', server.ip),
      `apiVersion: v1
kind: Service
metadata: {name: server, namespace: default}
spec:
  clusterIP: 10.96.0.2
  selector: {app: server}
  ports: [{name: http, port: 80, targetPort: 9080}, {name: tcp, port: 7000}, {name: plain, port: 7001}]`,
      ...more,
    ].join('\n---\n'),
  });
  await startInPod(server, SERVER('server', [9080, 8081], [7000, 7001]));
  await startInPod(outside, SERVER('outside', [80, 7777], [7000]));
  // Only root may keep the address of the client.
  const uid = mode === 'TPROXY' ? 0 : PROXY;
  await client.rules(redirectRules(PROXY));
  await server.rules(mode === 'TPROXY' ? tproxyRules(uid) : redirectRules(uid));
  if (mode === 'TPROXY') {
    await server.run('ip', 'rule', 'add', 'fwmark', '1337', 'lookup', '133');
    await server.run('ip', 'route', 'add', 'local', 'default', 'dev', 'lo', 'table', '133');
  }
  const start = (name: string, at: NetPod, interception: string, user: number) =>
    startAgent({
      through: at.enter(),
      args: ['--meshDir', mesh.folder, '--proxy-uid', String(user)],
      env: {
        POD_NAME: name,
        POD_NAMESPACE: 'default',
        INSTANCE_IP: at.ip,
        ISTIO_META_INTERCEPTION_MODE: interception,
      },
    });
  const agents = {
    client: await start('client', client, 'REDIRECT', PROXY),
    server: await start('server', server, mode, uid),
  };
  for (const agent of [agents.client, agents.server]) await agent.says('is LIVE');
  const one = { client, server, outside, mesh, agents };
  await until(
    'the mesh is up',
    async () => (await fromClient(one, 'http://10.96.0.2/', 'server')).status === 200,
  );
  return one;
}

const fromClient = ({ client }: Scene, url: string, host?: string) => callFrom(client, url, host);

async function statOf(at: NetPod, agent: RunningAgent, name: string): Promise<number> {
  const text = await callFrom(
    at,
    `http://127.0.0.1:${agent.ports.admin}/stats?filter=${encodeURIComponent(name)}`,
  );
  return Number(text.body.trim().split(': ').at(-1));
}

describe.runIf(isRoot && hasTool('iptables-restore'))('a captured mesh', () => {
  it('carries HTTP, TCP and what is unknown, in and out, and calls nobody for ever', async () => {
    const here = await scene('REDIRECT');
    const { client, server, outside, agents } = here;
    // By its address and its name, through both Envoys.
    const answer = await fromClient(here, 'http://10.96.0.2/', 'server');
    expect(JSON.parse(answer.body)).toEqual({ name: 'server', port: 9080, from: '127.0.0.1' });
    expect(
      await statOf(server, agents.server, 'cluster.inbound\\|9080\\|\\|;.upstream_rq_200'),
    ).toBeGreaterThan(0);
    // By its address alone.
    expect((await fromClient(here, 'http://10.96.0.2/')).status).toBe(200);
    // TCP, and a port of which nothing is known.
    for (const port of [7000, 7001]) {
      expect(await client.run(process.execPath, '-e', ECHO('10.96.0.2', port))).toContain('no HTTP');
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

  it('keeps to the registry where the Sidecar says so: 502 and a broken connection', async () => {
    const here = await scene(
      'REDIRECT',
      sidecar('  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n  egress: [{hosts: ["*/*"]}]'),
    );
    const { outside, client } = here;
    expect((await fromClient(here, 'http://10.96.0.2/', 'server')).status).toBe(200);
    expect((await fromClient(here, `http://${outside.ip}/`)).status).toBe(502);
    expect((await fromClient(here, `http://${outside.ip}:7777/`)).status).toBe(0);
    expect(await client.run(process.execPath, '-e', ECHO(outside.ip, 7000))).not.toContain('no HTTP');
  });

  it("serves the seed's example without rules: mysql on loopback, the application behind a socket of its own", async () => {
    const network = await meshNetwork(onTestFinished);
    const [client, outside] = [await network.pod(10), await network.pod(30)];
    const { folder } = await meshFolder({
      'mesh.yaml': [
        pod('client', 'productpage', client.ip),
        `apiVersion: networking.istio.io/v1alpha3
kind: ServiceEntry
metadata: {name: external-svc-mysql, namespace: ns1}
spec:
  hosts: [mysql.foo.com]
  ports: [{number: 3306, name: mysql, protocol: MYSQL}]
  location: MESH_EXTERNAL
  resolution: DNS
  endpoints: [{address: ${outside.ip}}]`,
        NO_IPTABLES.replace('namespace: prod-us1', 'namespace: default'),
      ].join('\n---\n'),
    });
    await startInPod(client, SERVER('client', [8080], []));
    await startInPod(outside, SERVER('outside', [80], [3306]));
    const agent = await startAgent({
      through: client.enter(),
      args: ['--meshDir', folder],
      env: { POD_NAME: 'client', POD_NAMESPACE: 'default', INSTANCE_IP: client.ip },
    });
    await agent.says('is LIVE');
    await until('the listeners are there', async () => {
      const { body } = await callFrom(client, `http://127.0.0.1:${agent.ports.admin}/listeners`);
      return body.includes('127.0.0.1_3306') && body.includes(`${client.ip}_9080`);
    });
    expect(await client.run(process.execPath, '-e', ECHO('127.0.0.1', 3306))).toContain('no HTTP');
    expect(await statOf(client, agent, 'cluster.outbound\\|3306\\|\\|mysql.foo.com;.upstream_cx_total')).toBe(
      1,
    );
    const answer = await callFrom(outside, `http://${client.ip}:9080/`);
    expect(JSON.parse(answer.body)).toMatchObject({ name: 'client', port: 8080 });
    expect(answer.headers['server']).toBe('istio-envoy');
  });

  it('keeps the address of the client with TPROXY', async () => {
    const here = await scene('TPROXY');
    const { client, server, outside } = here;
    const answer = await fromClient(here, 'http://10.96.0.2/', 'server');
    expect(JSON.parse(answer.body)).toEqual({ name: 'server', port: 9080, from: client.ip });
    expect(JSON.parse((await callFrom(outside, `http://${server.ip}:8081/`)).body).from).toBe(outside.ip);
    expect(await client.run(process.execPath, '-e', ECHO('10.96.0.2', 7000))).toContain('no HTTP');
  });
});
