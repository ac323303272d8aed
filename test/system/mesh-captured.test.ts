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
  await startServers(server, { name: 'server', http: [9080, 8081], echo: [7000, 7001] });
  await startServers(outside, { name: 'outside', http: [80, 7777], echo: [7000] });
  const rules = ['-u', '1337', '-i', '*', '-b', '*'];
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
        INSTANCE_IP: at.ip,
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
    async () => (await fromClient(one, 'http://10.96.0.2/', 'server')).status === 200,
  );
  return one;
}

const fromClient = ({ client }: Scene, url: string, host?: string) => callFrom(client, url, host);

describe.runIf(isRoot && hasTool('iptables-restore'))('a captured mesh', () => {
  it('carries HTTP, TCP and what is unknown, in and out, and calls nobody for ever', async () => {
    const here = await scene('REDIRECT');
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

  it('keeps to the registry where the Sidecar says so: 502 and a broken connection', async () => {
    const here = await scene(
      'REDIRECT',
      sidecar('  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n  egress: [{hosts: ["*/*"]}]'),
    );
    const { outside, client } = here;
    expect((await fromClient(here, 'http://10.96.0.2/', 'server')).status).toBe(200);
    expect((await fromClient(here, `http://${outside.ip}/`)).status).toBe(502);
    expect((await fromClient(here, `http://${outside.ip}:7777/`)).status).toBe(0);
    expect(await echoTo(client, outside.ip, 7000)).toBe('nothing');
  });

  it('keeps the address of the client with TPROXY', async () => {
    const here = await scene('TPROXY');
    const { client, server, outside } = here;
    const answer = await fromClient(here, 'http://10.96.0.2/', 'server');
    expect(JSON.parse(answer.body)).toEqual({ name: 'server', port: 9080, from: client.ip });
    expect(JSON.parse((await callFrom(outside, `http://${server.ip}:8081/`)).body).from).toBe(outside.ip);
    expect(await echoTo(client, '10.96.0.2', 7000)).toBe('echo');
  });
});
