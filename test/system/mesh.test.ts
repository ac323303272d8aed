/** A sidecar from a folder of YAML that captures nothing: its listeners are on loopback. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, cp, writeFile } from 'node:fs/promises';
import { createServer, get } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inotifyInstances } from '../../src/platform/inotify.ts';
import { PILOT_AGENT, startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import { openApplication, openTcpServer } from '../support/http-application.ts';
import { http1Load } from '../support/load.ts';
import { MESH_CLIENT, startMeshAgent } from '../support/mesh-agent.ts';
import { meshFolder, service, sidecar } from '../support/mesh-folder.ts';
import { freePort, freePorts } from '../support/ports.ts';
import { envoysOf, isAlive, killGroup } from '../support/processes.ts';
import { privateFolder, tempFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** @param to a port of loopback, or the path of a socket */
function call(to: number | string, host: string, path = '/'): Promise<Answer> {
  const where = typeof to === 'number' ? { host: '127.0.0.1', port: to } : { socketPath: to };
  return new Promise((resolve, reject) => {
    const request = get(
      { ...where, path, agent: false, headers: { host }, signal: AbortSignal.timeout(10_000) },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    request.on('error', reject);
  });
}

/** An application that says its name and what it was asked. */
const named = (name: string) =>
  openApplication(onTestFinished, (request, response) => response.end(`${name} ${request.headers.host}`));

async function statOf(agent: Awaited<ReturnType<typeof startMeshAgent>>, name: string): Promise<number> {
  const { body } = await agent.get(agent.ports.admin, `/stats?filter=${encodeURIComponent(`^${name}$`)}`);
  return Number(body.trim().split(': ').at(-1) ?? Number.NaN);
}

describe('what a client may call', () => {
  it('a service by each of its names, with and without the port', async () => {
    const [reviews, port] = [await named('reviews'), await freePort()];
    const { folder } = await meshFolder({
      'reviews.yaml': service({ name: 'reviews', ports: { http: [port, reviews.port] } }),
    });
    await startMeshAgent(folder);
    const names = ['reviews', 'reviews.default', 'reviews.default.svc', 'reviews.default.svc.cluster.local'];
    for (const name of [...names, '10.96.0.1']) {
      for (const host of [name, `${name}:${port}`]) {
        expect(await call(port, host), host).toEqual({ status: 200, body: `reviews ${host}` });
      }
    }
  });

  it('two services on one port, told apart by name; a name of another namespace needs that namespace', async () => {
    const [ours, theirs, port] = [await named('ours'), await named('theirs'), await freePort()];
    const { folder } = await meshFolder({
      'a.yaml': service({ name: 'ours', ports: { http: [port, ours.port] } }),
      'b.yaml': service({
        name: 'theirs',
        namespace: 'other',
        address: '10.96.0.2',
        ports: { http: [port, theirs.port] },
      }),
    });
    const agent = await startMeshAgent(folder);
    expect((await call(port, 'ours')).body).toBe('ours ours');
    expect((await call(port, 'theirs.other')).body).toBe('theirs theirs.other');
    expect((await call(port, 'theirs')).status).toBe(503);
    const cluster = `cluster.outbound\\|${port}\\|\\|theirs.other.svc.cluster.local;`;
    expect(await statOf(agent, `${cluster}.upstream_rq_total`)).toBe(1);
  });

  it('only what its Sidecar names; the rest is answered with 502 under REGISTRY_ONLY', async () => {
    const [near, far, port] = [await named('near'), await named('far'), await freePort()];
    const { folder, write } = await meshFolder({
      'near.yaml': service({ name: 'near', ports: { http: [port, near.port] } }),
      'far.yaml': service({
        name: 'far',
        namespace: 'other',
        address: '10.96.0.2',
        ports: { http: [port, far.port] },
      }),
      'sidecar.yaml': sidecar('  outboundTrafficPolicy: {mode: REGISTRY_ONLY}\n  egress: [{hosts: ["./*"]}]'),
    });
    const agent = await startMeshAgent(folder);
    expect((await call(port, 'near')).status).toBe(200);
    expect((await call(port, 'far.other')).status).toBe(502);
    const clusters = (await agent.get(agent.ports.admin, '/clusters')).body;
    expect(clusters).toContain(`outbound|${port}||near.default.svc.cluster.local`);
    expect(clusters).not.toContain('far.other');
    await write('sidecar.yaml', sidecar('  egress: [{hosts: ["./*", "other/*"]}]'));
    await until('far can be called', async () => (await call(port, 'far.other')).status === 200);
  });

  it('over HTTP/2, which the application is then spoken to in as well', async () => {
    const server = createHttp2Server((request, response) => {
      response.setHeader('content-type', request.headers['content-type'] ?? 'text/plain');
      response.end(`HTTP/${request.httpVersion} ${request.authority}`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const target = (server.address() as AddressInfo).port;
    const [grpc = 0, sniffed = 0] = await freePorts(2);
    const { folder } = await meshFolder({
      'a.yaml': service({ name: 'h2', ports: { grpc: [grpc, target], anything: [sniffed, target] } }),
    });
    await startMeshAgent(folder);
    for (const port of [grpc, sniffed]) {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      onTestFinished(() => session.destroy());
      const stream = session.request({
        ':authority': 'h2',
        ':method': 'POST',
        ':path': '/a.Service/Method',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      stream.end();
      const [headers] = await once(stream, 'response');
      expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/grpc' });
      let body = '';
      for await (const chunk of stream) body += String(chunk);
      expect(body).toBe('HTTP/2.0 h2');
    }
  });

  it('over TCP, and over a port without a protocol whatever it speaks', async () => {
    const [echo, web] = [await openTcpServer(onTestFinished, 'echo'), await named('web')];
    const [tcp = 0, plainEcho = 0, plainWeb = 0] = await freePorts(3);
    const { folder } = await meshFolder({
      'a.yaml': service({ name: 'echo', ports: { tcp: [tcp, echo], anything: [plainEcho, echo] } }),
      'b.yaml': service({ name: 'web', address: '10.96.0.2', ports: { anything: [plainWeb, web.port] } }),
    });
    const agent = await startMeshAgent(folder);
    for (const port of [tcp, plainEcho]) {
      const socket = connect(port, '127.0.0.1');
      onTestFinished(() => void socket.destroy());
      socket.write('no HTTP at all\n');
      const [data] = await once(socket, 'data');
      expect(String(data)).toBe('no HTTP at all\n');
    }
    expect((await call(plainWeb, 'web')).body).toBe('web web');
    expect(
      await statOf(
        agent,
        `cluster.outbound\\|${plainWeb}\\|\\|web.default.svc.cluster.local;.upstream_rq_200`,
      ),
    ).toBe(1);
  });

  it('over a Unix socket, and over an HTTP proxy', async () => {
    const [web, port, proxy] = [await named('web'), await freePort(), await freePort()];
    const sockets = await tempFolder();
    await chmod(sockets, 0o777);
    const socket = join(sockets, 'egress.sock');
    const { folder } = await meshFolder({
      'web.yaml': service({ name: 'web', ports: { http: [port, web.port] } }),
      'sidecar.yaml': sidecar(`  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  egress:
  - {port: {number: 0, protocol: HTTP, name: socket}, bind: "unix://${socket}", hosts: ["./*"]}
  - {port: {number: ${proxy}, protocol: HTTP_PROXY, name: proxy}, hosts: ["./*"]}`),
    });
    await startMeshAgent(folder);
    expect((await call(socket, `web:${port}`)).body).toBe(`web web:${port}`);
    expect((await call(socket, 'elsewhere')).status).toBe(502);
    expect((await call(proxy, `web:${port}`, `http://web:${port}/`)).body).toBe(`web web:${port}`);
  });
});

describe('what arrives', () => {
  it('reaches the application on the port and on the Unix socket that defaultEndpoint names', async () => {
    const app = await named('app');
    const sockets = await tempFolder();
    const socket = join(sockets, 'app.sock');
    const server = createServer((_, response) => response.end('over a socket'));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    onTestFinished(() => void server.close());
    await chmod(socket, 0o777);
    const [http = 0, unix = 0] = await freePorts(2);
    const { folder } = await meshFolder({
      'sidecar.yaml': sidecar(`  ingress:
  - {port: {number: ${http}, protocol: HTTP, name: http}, defaultEndpoint: "127.0.0.1:${app.port}"}
  - {port: {number: ${unix}, protocol: HTTP, name: unix}, defaultEndpoint: "unix://${socket}"}
  egress: [{hosts: ["~/*"]}]`),
    });
    const agent = await startMeshAgent(folder);
    expect((await call(http, 'anything')).body).toBe('app anything');
    expect((await call(unix, 'anything')).body).toBe('over a socket');
    expect(await statOf(agent, `cluster.inbound\\|${unix}\\|\\|;.upstream_rq_200`)).toBe(1);
  });
});

it('writes an access log to its own output', async () => {
  const [app, port] = [await startApplication(), await freePort()];
  const { folder } = await meshFolder({
    'a.yaml': service({ name: 'web', ports: { http: [port, app.port] } }),
  });
  const config = join(await tempFolder(), 'mesh-config.yaml');
  await writeFile(config, 'accessLogFile: /dev/stdout\naccessLogFormat: "asked for %REQ(:AUTHORITY)%"\n');
  const agent = await startMeshAgent(folder, { args: ['--meshConfig', config] });
  await call(port, 'web.default');
  await agent.says('asked for web.default');
});

it('reports spans to Zipkin and passes the B3 headers on', async () => {
  const spans: string[] = [];
  const collector = await openApplication(onTestFinished, (request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      spans.push(`${request.method} ${request.url} ${body}`);
      response.writeHead(202).end();
    });
  });
  const app = await openApplication(onTestFinished, (request, response) =>
    response.end(JSON.stringify(request.headers)),
  );
  const port = await freePort();
  const { folder } = await meshFolder({
    'a.yaml': service({ name: 'web', ports: { http: [port, app.port] } }),
  });
  await startMeshAgent(folder, { args: ['--zipkinAddress', `127.0.0.1:${collector.port}`] });
  const trace = '463ac35c9f6413ad48485a3953bb6124';
  const answer = await new Promise<string>((resolve, reject) => {
    const headers = {
      host: 'web',
      'x-b3-traceid': trace,
      'x-b3-spanid': 'a2fb4a1d1a96d312',
      'x-b3-sampled': '1',
    };
    get({ host: '127.0.0.1', port, headers, agent: false }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve(body));
    }).on('error', reject);
  });
  expect(JSON.parse(answer)).toMatchObject({
    'x-b3-traceid': trace,
    'x-b3-sampled': '1',
    'x-b3-spanid': expect.not.stringMatching('a2fb4a1d1a96d312'),
  });
  const span = await until('the collector has a span', () => spans.find((each) => each.includes(trace)));
  expect(span).toMatch(/^POST \/api\/v2\/spans /);
  expect(span).toContain(`web.default.svc.cluster.local:${port}/*`);
});

describe('the agent', () => {
  it('restarts Envoy over the same files, and leaves none of them when it ends', async () => {
    const [app, port] = [await startApplication(), await freePort()];
    const { folder } = await meshFolder({
      'a.yaml': service({ name: 'web', ports: { http: [port, app.port] } }),
    });
    const agent = await startMeshAgent(folder, {
      args: ['--drainDuration', '1s', '--parentShutdownDuration', '2s'],
    });
    await agent.post(agent.ports.status, '/restart', 30_000);
    await agent.says('Epoch 1 is LIVE');
    expect((await call(port, 'web')).status).toBe(200);
    agent.signal('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(existsSync(join(agent.configPath, 'mesh'))).toBe(false);
  });

  it.runIf(isRoot)(
    'derives again after it gave up root, from a program that only root can read',
    async () => {
      const [first, second, port] = [await startApplication(), await startApplication(), await freePort()];
      const program = await privateFolder();
      await cp(dirname(PILOT_AGENT), program, { recursive: true });
      const web = (to: number) => service({ name: 'web', ports: { http: [port, to] } });
      const { folder, write } = await meshFolder({ 'a.yaml': web(first.port) });
      await startMeshAgent(folder, { executable: join(program, 'pilot-agent.cjs') });
      await write('a.yaml', web(second.port));
      await until('the change is there', async () => {
        await call(port, 'web');
        return second.requests() > 0;
      });
    },
  );

  it('touches no file of another agent that still lives', async () => {
    const [app, port] = [await startApplication(), await freePort()];
    const { folder } = await meshFolder({
      'a.yaml': service({ name: 'web', ports: { http: [port, app.port] } }),
    });
    const agent = await startMeshAgent(folder);
    const empty = await meshFolder({});
    const second = await startAgent({
      args: ['--meshDir', empty.folder, '--configPath', agent.configPath],
    });
    expect(await second.exited).not.toBe(0);
    expect((await call(port, 'web')).status).toBe(200);
    expect(existsSync(join(agent.configPath, 'mesh', 'lds.json'))).toBe(true);
  });

  it('takes over from one that was killed, with what the folder says now', async () => {
    const [first, second, port] = [await startApplication(), await startApplication(), await freePort()];
    const web = (to: number) => service({ name: 'web', address: '127.0.0.1', ports: { http: [port, to] } });
    const { folder, write } = await meshFolder({ 'a.yaml': web(first.port) });
    const agent = await startMeshAgent(folder);
    const envoys = agent.envoys();
    onTestFinished(() => {
      for (const pid of envoys) killGroup(pid);
    });
    agent.signal('SIGKILL');
    // Not `exited`: its Envoy has its output open.
    await until('the agent is gone', () => !isAlive(agent.pid));
    await write('a.yaml', web(second.port));
    expect((await call(port, 'web')).status).toBe(200);
    expect(second.requests()).toBe(0);
    const { admin, status, metrics, envoyStatus } = agent.ports;
    const next = await startAgent({
      args: [
        ...['--meshDir', folder, '--configPath', agent.configPath, '--proxyAdminPort', String(admin)],
        ...['--statusPort', String(status), '--prometheusPort', String(metrics)],
      ],
      env: { ...MESH_CLIENT, ENVOY_STATUS_PORT: String(envoyStatus) },
    });
    await next.says('Epoch 1 is LIVE');
    await until('the change is there', async () => {
      await call(port, 'web');
      return second.requests() > 0;
    });
  });

  it.runIf(isRoot)('does not begin with a folder that its user cannot read', async () => {
    const agent = await startAgent({ args: ['--meshDir', await privateFolder()] });
    expect(await agent.exited).toBe(255);
    expect(agent.output()).toMatch(/--meshDir .*: cannot be read by user 1337/);
  });
});

it('starts with names that do not resolve and ports that it may not have', async () => {
  const [app, port] = [await startApplication(), await freePort()];
  const { folder } = await meshFolder({
    'a.yaml': service({ name: 'web', ports: { http: [port, app.port], privileged: [80, app.port] } }),
    'b.yaml': `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: nowhere, namespace: default}
spec:
  hosts: [nowhere.invalid]
  ports: [{number: ${await freePort()}, name: http, protocol: HTTP}]
  resolution: DNS`,
  });
  await startMeshAgent(folder);
  expect((await call(port, 'web')).status).toBe(200);
});

describe('a changed folder', () => {
  const { limit } = inotifyInstances();

  it.runIf(limit < 1_000)(
    'takes effect without a lost request where Envoy cannot watch a file for each cluster',
    async () => {
      const [first, second, port] = [await startApplication(), await startApplication(), await freePort()];
      const web = (target: number) =>
        service({ name: 'web', address: '127.0.0.1', ports: { http: [port, target] } });
      const others = Array.from({ length: limit }, (_, index) =>
        service({ name: `other-${index}`, address: `10.97.0.${index}`, ports: { http: [port, first.port] } }),
      );
      const { folder, write } = await meshFolder({
        'web.yaml': web(first.port),
        'others.yaml': others.join('\n---\n'),
      });
      const agent = await startMeshAgent(folder);
      await agent.says('fs.inotify.max_user_instances=');
      const load = http1Load(port, 4);
      for (const app of [second, first, second]) {
        const before = app.requests();
        await write('web.yaml', web(app.port));
        await until('the other endpoint has the requests', () => app.requests() > before + 50);
      }
      await load.stop();
      expect(load.failures()).toEqual([]);
    },
  );

  it('takes effect without a restart and without a lost request', async () => {
    const [first, second, port] = [await startApplication(), await startApplication(), await freePort()];
    const web = (target: number, more: readonly string[] = []) => [
      service({ name: 'web', address: '127.0.0.1', ports: { http: [port, target] } }),
      ...more,
    ];
    const { folder, write } = await meshFolder({ 'web.yaml': web(first.port).join('\n---\n') });
    const agent = await startMeshAgent(folder);
    const before = envoysOf(agent.pid);
    const load = http1Load(port, 4);
    await until('requests arrive', () => first.requests() > 50);
    await write('web.yaml', ...web(second.port));
    await until('the other endpoint has them', () => second.requests() > 50);
    // Clusters, listeners and routes come and go beside it.
    const other = service({ name: 'other', address: '10.96.0.9', ports: { http: [port, first.port] } });
    const another = service({
      name: 'another',
      address: '10.96.0.8',
      ports: { tcp: [await freePort(), first.port] },
    });
    await write('more.yaml', other, another);
    await until('a new service can be called', async () => (await call(port, 'other')).status === 200);
    await write('more.yaml', '');
    await until('it is gone again', async () => (await call(port, 'other')).status !== 200);
    const atTheEnd = load.succeeded();
    await until('requests go on', () => load.succeeded() > atTheEnd + 50);
    await load.stop();
    expect(load.failures()).toEqual([]);
    expect(envoysOf(agent.pid)).toEqual(before);
  });

  it('makes Envoy read the file of the endpoints again, and no other', async () => {
    const [app, port] = [await startApplication(), await freePort()];
    const web = (endpoints: readonly string[]) =>
      service({ name: 'web', ports: { http: [port, app.port] }, endpoints });
    const { folder, write } = await meshFolder({ 'web.yaml': web(['127.0.0.1']) });
    const agent = await startMeshAgent(folder);
    const updates = () =>
      Promise.all(
        ['cluster_manager.cds', 'listener_manager.lds'].map((each) =>
          statOf(agent, `${each}.update_success`),
        ),
      );
    const before = await updates();
    const eds = `cluster.outbound\\|${port}\\|\\|web.default.svc.cluster.local;.update_success`;
    expect(await statOf(agent, eds)).toBe(1);
    await write('web.yaml', web(['127.0.0.1', '127.0.0.2']));
    await until('the endpoints are read again', async () => (await statOf(agent, eds)) === 2);
    expect(await updates()).toEqual(before);
  });

  it('leaves what was in force when a file is broken, and says where in log, status and metrics', async () => {
    const [app, port] = [await startApplication(), await freePort()];
    const web = service({ name: 'web', ports: { http: [port, app.port] } });
    const { folder, write } = await meshFolder({ 'web.yaml': web });
    const agent = await startMeshAgent(folder);
    await write('broken.yaml', sidecar('  egress: [{hosts: ["reviews"]}]'));
    await agent.says('broken.yaml:5');
    const report = async () => JSON.parse((await agent.get(agent.ports.status, '/status')).body).mesh;
    const broken = await until('the status says so', async () => {
      const mesh = await report();
      return mesh.state === 'broken' && mesh;
    });
    expect(broken.errors).toEqual([
      expect.stringMatching(/broken\.yaml:5: Sidecar default\/default: spec\.egress\[0\]\.hosts\[0\]: /),
    ]);
    expect((await call(port, 'web')).status).toBe(200);
    const metrics = async () => (await agent.get(agent.ports.metrics, '/stats/prometheus')).body;
    expect(await metrics()).toContain('istio_agent_mesh_broken 1');
    await write('broken.yaml', sidecar('  egress: [{hosts: ["./*"]}]'));
    await agent.says('is sound again');
    await until('the status has the Sidecar', async () =>
      /^default\/default \(.*broken\.yaml:\d+\)$/.test((await report()).sidecar),
    );
    expect(await metrics()).toContain('istio_agent_mesh_broken 0');
  });

  it('that is broken from the start ends the agent with everything that is wrong', async () => {
    const { folder } = await meshFolder({
      'a.yaml': sidecar('  egress: [{hosts: ["reviews"]}]'),
      'b.yaml': 'kind: [',
    });
    const agent = await startAgent({ args: ['--meshDir', folder] });
    expect(await agent.exited).toBe(255);
    expect(agent.output()).toContain('a.yaml:5');
    expect(agent.output()).toContain('b.yaml:1');
  });
});
