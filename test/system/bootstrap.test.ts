import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlPlaneSecrets } from '../../src/bootstrap/control-plane.ts';
import { watchLocalFiles } from '../../src/bootstrap/local-files.ts';
import { followSecretFiles, writeSecretFiles } from '../../src/bootstrap/secret-files.ts';
import { writeLightstepToken } from '../../src/bootstrap/write.ts';
import type { AgentConfig } from '../../src/config/agent-config.ts';
import { millis } from '../../src/platform/duration.ts';
import { callHttp } from '../../src/platform/http-client.ts';
import { buildSample } from '../bootstrap/build-sample.ts';
import { sampleConfig } from '../bootstrap/sample-config.ts';
import { testCertificates } from '../bootstrap/test-certificates.ts';
import { type RunningEnvoy, runEnvoy } from '../support/run-envoy.ts';
import { until } from '../support/until.ts';

const SECOND = millis(1_000);
const ISTIOD = 'istiod.istio-system.svc';

let folder: string;
const opened: { close(): unknown }[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bootstrap-'));
});
afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close();
  await rm(folder, { recursive: true });
});

/** Envoy over what a configuration asks for, but with an admin port of its own choice: other Envoys may be running. */
async function start(change: Partial<AgentConfig>): Promise<RunningEnvoy> {
  const config = sampleConfig({ configPath: folder, statusPort: 0, ...change });
  const bootstrap = buildSample(config);
  const anyPort = { socket_address: { address: '127.0.0.1', port_value: 0 } };
  const envoy = await runEnvoy(folder, { ...bootstrap, admin: { ...bootstrap.admin, address: anyPort } });
  opened.push(envoy);
  return envoy;
}

async function state(envoy: RunningEnvoy): Promise<string> {
  return JSON.parse((await envoy.admin.get('/server_info', SECOND)).body).state;
}

async function listen(server: Server | Http2Server | Http2SecureServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({ close: () => server.close() });
  return (server.address() as AddressInfo).port;
}

describe('a control plane over TLS', () => {
  it('without any certificate mounted lets Envoy start and wait', async () => {
    const change = { configPath: folder, discoveryAddress: `${ISTIOD}:15012` };
    expect(await writeSecretFiles(controlPlaneSecrets(sampleConfig(change)))).toEqual([
      './var/run/secrets/istio/root-cert.pem',
    ]);
    const envoy = await start(change);
    expect(await state(envoy)).toBe('PRE_INITIALIZING');
  });

  it('is reached as soon as the certificates come, and again after they are replaced', async () => {
    const pki = join(folder, 'pki');
    await mkdir(pki);
    const { ca, cert, key } = await testCertificates(pki, ISTIOD);
    const clients: string[] = [];
    const server = createSecureServer({
      cert: readFileSync(cert),
      key: readFileSync(key),
      ca: readFileSync(ca),
      requestCert: true,
      rejectUnauthorized: true,
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      const socket = stream.session?.socket;
      const name = socket instanceof TLSSocket ? socket.servername : undefined;
      clients.push(`${name} ${headers[':path']}`);
    });
    server.on('sessionError', () => {});
    const port = await listen(server);
    const mounted = join(folder, 'certs');
    const change: Partial<AgentConfig> = {
      configPath: folder,
      discoveryAddress: `127.0.0.1:${port}`,
      istiodSan: ISTIOD,
      provisionedCertDir: mounted,
    };
    const secrets = controlPlaneSecrets(sampleConfig(change));
    expect(await writeSecretFiles(secrets)).toHaveLength(3);
    const envoy = await start(change);
    const missing: (readonly string[])[] = [];
    opened.push(
      followSecretFiles({
        secrets,
        onChange: (paths) => missing.push(paths),
        onError: (error) => expect.unreachable(error.message),
        interval: millis(50),
      }),
    );
    await mkdir(mounted);
    await copyFile(cert, join(mounted, 'cert-chain.pem'));
    await copyFile(key, join(mounted, 'key.pem'));
    await copyFile(ca, join(mounted, 'root-cert.pem'));
    await until('Envoy asks for its configuration', () => clients.length > 0, 30_000);
    expect(clients[0]).toBe(
      `${ISTIOD} /envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources`,
    );
    expect(missing.at(-1)).toEqual([]);

    const updates = async () => {
      const { body } = await envoy.admin.get('/stats?filter=ssl_context_update_by_sds', SECOND);
      return Number(/: (\d+)/.exec(body)?.[1] ?? 0);
    };
    const before = await updates();
    await writeFile(join(mounted, 'new'), `${readFileSync(ca)}${readFileSync(cert)}`);
    await rename(join(mounted, 'new'), join(mounted, 'root-cert.pem'));
    await until('Envoy has taken the new root', async () => (await updates()) > before);
  });
});

describe('a control plane with another name', () => {
  it('is not believed', async () => {
    const pki = join(folder, 'pki');
    await mkdir(pki);
    const { ca, cert, key } = await testCertificates(pki, 'somebody.else');
    const server = createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) });
    let streams = 0;
    server.on('stream', (stream) => {
      streams += 1;
      stream.close();
    });
    server.on('sessionError', () => {});
    const change: Partial<AgentConfig> = {
      configPath: folder,
      discoveryAddress: `127.0.0.1:${await listen(server)}`,
      controlPlaneAuthPolicy: 'MUTUAL_TLS',
      istiodSan: ISTIOD,
      xdsRootCa: ca,
      provisionedCertDir: pki,
    };
    await copyFile(cert, join(pki, 'cert-chain.pem'));
    expect(await writeSecretFiles(controlPlaneSecrets(sampleConfig(change)))).toEqual([]);
    const envoy = await start(change);
    await until('Envoy refuses its certificate', async () => {
      const { body } = await envoy.admin.get('/stats?filter=ssl.fail_verify_san', SECOND);
      return /fail_verify_san: [1-9]/.test(body);
    });
    expect(streams).toBe(0);
  });
});

const listener = (name: string, collector = '') => `resources:
- "@type": type.googleapis.com/envoy.config.listener.v3.Listener
  name: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
        stat_prefix: inbound_${name};
        ${collector}
        route_config:
          virtual_hosts:
          - { name: all, domains: ["*"], routes: [{ match: { prefix: / }, route: { cluster: app } }] }
        http_filters:
        - { name: envoy.filters.http.router, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }
`;
const CLUSTERS = `resources:
- { "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: app, type: STATIC }
- { "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: outbound|80||reviews.default.svc.cluster.local, type: STATIC }
- { "@type": type.googleapis.com/envoy.config.cluster.v3.Cluster, name: outbound|443||api.example.com, alt_stat_name: "outbound|443||api.example.com;", type: STATIC }
`;

describe('local files', () => {
  const listeners = async (envoy: RunningEnvoy) => (await envoy.admin.get('/listeners', SECOND)).body;
  const port = async (envoy: RunningEnvoy) => Number(/127\.0\.0\.1:(\d+)/.exec(await listeners(envoy))?.[1]);
  const put = async (text: string) => {
    await writeFile(join(folder, 'lds.yaml'), text);
    await writeFile(join(folder, 'cds.yaml'), CLUSTERS);
  };
  const files = { lds: 'lds.yaml', cds: 'cds.yaml' };

  it('make Envoy ready by themselves', async () => {
    await put(listener('one'));
    const envoy = await start({ localConfig: folder });
    await until('Envoy is live', async () => (await state(envoy)) === 'LIVE');
    expect(await listeners(envoy)).toContain('one::');
    expect(await envoy.log()).toBe('');
  });

  it('take effect when they are renamed into place', async () => {
    await put(listener('one'));
    const envoy = await start({ localConfig: folder });
    await writeFile(join(folder, 'next'), listener('two'));
    await rename(join(folder, 'next'), join(folder, 'lds.yaml'));
    await until('the new listener is there', async () => (await listeners(envoy)).startsWith('two::'));
  });

  it('take effect when they are edited in place, with the help of the agent', async () => {
    await put(listener('one'));
    const envoy = await start({ localConfig: folder });
    opened.push(watchLocalFiles({ folder, files, onError: (error) => expect.unreachable(error.message) }));
    await writeFile(join(folder, 'lds.yaml'), listener('two'));
    await until('the new listener is there', async () => (await listeners(envoy)).startsWith('two::'));
  });

  it('come beside the listener for probes, which asks the agent', async () => {
    await put(listener('one'));
    const asked: (string | undefined)[] = [];
    const agent = createHttpServer((request, response) => {
      asked.push(request.url);
      response.end('from the agent');
    });
    const statusPort = await listen(agent);
    const probes = createHttpServer();
    const envoyStatusPort = await listen(probes);
    await new Promise((resolve) => probes.close(resolve));
    const envoy = await start({ localConfig: folder, statusPort, envoyStatusPort });
    await until('Envoy is live', async () => (await state(envoy)) === 'LIVE');
    const ask = (path: string) =>
      callHttp({ host: '127.0.0.1', port: envoyStatusPort, path, deadline: SECOND });
    expect(await ask('/healthz/ready')).toMatchObject({ status: 200, body: 'from the agent' });
    expect((await ask('/quitquitquit')).status).toBe(404);
    expect(asked).toEqual(['/healthz/ready']);
  });

  it('have statistics whose names become labels', async () => {
    await put(listener('one'));
    const envoy = await start({ localConfig: folder });
    const { status } = await callHttp({
      host: '127.0.0.1',
      port: await port(envoy),
      path: '/',
      deadline: SECOND,
    });
    expect(status).toBe(503);
    const { body } = await envoy.admin.get('/stats/prometheus', SECOND);
    const lines = (start: string) => body.split('\n').filter((line) => line.startsWith(`${start}{`));
    expect(lines('envoy_cluster_membership_total')).toEqual([
      'envoy_cluster_membership_total{cluster_name="app"} 0',
      'envoy_cluster_membership_total{cluster_name="outbound|443||api.example.com"} 0',
      'envoy_cluster_membership_total{cluster_name="outbound|80||reviews.default.svc.cluster.local"} 0',
    ]);
    expect(lines('envoy_http_downstream_rq')).toContain(
      'envoy_http_downstream_rq{response_code_class="5xx",http_conn_manager_prefix="inbound_one"} 1',
    );
  });

  it('trace to Lightstep with the token from its file', async () => {
    const server = createServer();
    const spans: unknown[] = [];
    server.on('stream', (stream, headers) => {
      spans.push({ path: headers[':path'], token: headers['lightstep-access-token'] });
      stream.on('error', () => {});
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '0' },
        { endStream: true },
      );
    });
    const collector = await listen(server);
    await put(listener('one', 'tracing: { random_sampling: { value: 100 } }'));
    await writeLightstepToken(folder, 's3cret');
    const envoy = await start({
      localConfig: folder,
      tracing: { kind: 'lightstep', address: `127.0.0.1:${collector}`, accessToken: 's3cret' },
    });
    await callHttp({ host: '127.0.0.1', port: await port(envoy), path: '/', deadline: SECOND });
    await until('a span has come', () => spans.length > 0, 30_000);
    expect(spans[0]).toEqual({
      path: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      token: 's3cret',
    });
    expect((await envoy.admin.get('/config_dump', SECOND)).body).not.toContain('s3cret');
  });
});
