import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { controlPlaneSecrets } from '../../src/bootstrap/control-plane.ts';
import { writeSecretFiles } from '../../src/bootstrap/secret-files.ts';
import { writeLightstepToken } from '../../src/bootstrap/write.ts';
import type { AgentConfig } from '../../src/config/agent-config.ts';
import { millis } from '../../src/platform/duration.ts';
import { envoyComplaint } from '../support/validate-bootstrap.ts';
import { buildSample, type Surroundings } from './build-sample.ts';
import { sampleConfig } from './sample-config.ts';
import { testCertificates } from './test-certificates.ts';

const ISTIOD = 'istiod.istio-system.svc';

let folder: string;
let ca: string;
let cert: string;
let key: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bootstrap-'));
  ({ ca, cert, key } = await testCertificates(folder, ISTIOD));
  await writeFile(join(folder, 'lds.yaml'), 'resources: []\n');
  await writeFile(join(folder, 'cds.yaml'), 'resources: []\n');
});
afterAll(() => rm(folder, { recursive: true }));

/** Builds what a configuration asks for, with everything that Envoy reads beside it on disk, and asks Envoy. */
async function complaint(change: Partial<AgentConfig>, around?: Surroundings): Promise<string | undefined> {
  const config = sampleConfig({ configPath: folder, ...change });
  await writeSecretFiles(controlPlaneSecrets(config));
  if (config.tracing?.kind === 'lightstep') await writeLightstepToken(folder, config.tracing.accessToken);
  return envoyComplaint(buildSample(config, around));
}

describe('every bootstrap is one that Envoy accepts', () => {
  const cases: [string, () => Partial<AgentConfig>, Surroundings?][] = [
    ['defaults, plain text on 15010', () => ({})],
    ['TLS on 15012 before there is any certificate', () => ({ discoveryAddress: `${ISTIOD}:15012` })],
    ['TLS with an address for a control plane', () => ({ discoveryAddress: '10.0.0.1:15012' })],
    [
      'MUTUAL_TLS with certificates in /etc/certs',
      () => ({ discoveryAddress: 'istio-pilot:15011', controlPlaneAuthPolicy: 'MUTUAL_TLS' }),
    ],
    ['provisioned certificates', () => ({ discoveryAddress: 'istiod:15012', provisionedCertDir: folder })],
    ['roots of the system', () => ({ discoveryAddress: 'istiod:15012', xdsRootCa: 'SYSTEM' })],
    ['no status server', () => ({ statusPort: 0 })],
    ['no status listener', () => ({ envoyStatusPort: 0 })],
    ['PROXY protocol on the status listener', () => ({ envoyStatusProxyProtocol: true })],
    ['IPv6', () => ({ instanceIp: 'fd00::5', discoveryAddress: '[fd00::1]:15010' })],
    ['dual stack', () => ({ dualStack: true }), { addresses: [{ interface: 'eth0', address: 'fd00::9' }] }],
    ['zipkin', () => ({ tracing: { kind: 'zipkin', address: 'zipkin.istio-system:9411' } })],
    [
      'datadog at the node',
      () => ({ hostIp: 'fd00::2', tracing: { kind: 'datadog', address: '$(HOST_IP):8126' } }),
    ],
    [
      'lightstep',
      () => ({
        tracing: {
          kind: 'lightstep',
          address: 'ingest.lightstep.com:443',
          accessToken: 'token',
          tls: { mode: 'SIMPLE', caCertificates: ca, subjectAltNames: [], sni: 'ingest.lightstep.com' },
        },
      }),
    ],
    [
      'every sink and service',
      () => ({
        statsdUdpAddress: '10.1.1.1:9125',
        envoyMetricsService: {
          address: 'metrics-service:15000',
          tls: {
            mode: 'ISTIO_MUTUAL',
            clientCertificate: cert,
            privateKey: key,
            caCertificates: ca,
            subjectAltNames: ['spiffe://cluster.local/ns/x/sa/y', 'metrics.example'],
          },
          tcpKeepalive: { probes: 3, time: millis(10_000), interval: millis(10_000) },
        },
        envoyAccessLogService: {
          address: '[2001:db8::100]:80',
          tls: { mode: 'SIMPLE', subjectAltNames: ['als.example'] },
          tcpKeepalive: { time: millis(10) },
        },
        outlierLogPath: '/dev/stdout',
      }),
    ],
    [
      'statistics',
      () => ({
        stats: {
          inclusionPrefixes: ['prefix1', 'http.{pod_ip}_', ''],
          inclusionSuffixes: ['suffix1'],
          inclusionRegexps: ['http.[0-9]*\\.[0-9]*\\.[0-9]*\\.[0-9]*_8080.downstream_rq_time', '"quoted\\"'],
          extraTags: ['dlp_status', 'a"b(c', 'source_app', 'dlp_status'],
          histogramBuckets: { istio: [10, 5, 5, 0, -1], cluster: [] },
          flushInterval: millis(60_000),
          evictionInterval: millis(120_000),
        },
      }),
    ],
    [
      'half a second between flushes',
      () => ({
        stats: { ...sampleConfig().stats, flushInterval: millis(500), evictionInterval: millis(2_500) },
      }),
    ],
    [
      'intervals that Envoy would refuse',
      () => ({
        stats: { ...sampleConfig().stats, flushInterval: millis(600_000), evictionInterval: millis(7_000) },
      }),
    ],
    [
      'runtime values',
      () => ({
        runtimeValues: {
          'overload.global_downstream_max_connections': '5000',
          'a.b': 'true',
          'c"d': 'x',
          're2.max_program_size.error_level': '',
        },
      }),
    ],
    ['local files', () => ({ localConfig: folder })],
    ['SotW ADS', () => ({ deltaXds: false })],
    [
      'an override',
      () => ({
        bootstrapOverride: {
          statsFlushInterval: '10s',
          dynamic_resources: { lds_config: { path_config_source: { path: join(folder, 'lds.yaml') } } },
          static_resources: { clusters: [{ name: 'more', type: 'STATIC' }] },
        },
      }),
    ],
  ];
  it.each(cases)('%s', async (_name, change, around) => {
    expect(await complaint(change(), around)).toBeUndefined();
  });
});

describe('whole bootstraps', () => {
  const running: Surroundings = {
    addresses: ['10.4.4.4', '10.5.5.5', '10.6.6.6', '10.4.4.4'].map((address) => ({
      interface: 'eth0',
      address,
    })),
    env: {
      ISTIO_META_ISTIO_PROXY_SHA: 'istio-proxy:sha',
      ISTIO_META_INTERCEPTION_MODE: 'REDIRECT',
      ISTIO_META_ISTIO_VERSION: 'release-3.1',
      ISTIO_META_POD_NAME: 'svc-0-0-0-6944fb884d-4pgx8',
      ISTIO_METAJSON_LABELS: '{"version":"v1alpha1","app":"test","istio-locality":"regionA.zoneB.sub_zoneC"}',
      ISTIO_METAJSON_ANNOTATIONS: '{"istio.io/insecurepath":"{\\"paths\\":[\\"/metrics\\",\\"/live\\"]}"}',
    },
    labels: new Map([['app', 'test']]),
  };
  const cases: [string, Partial<AgentConfig>, Surroundings][] = [
    ['default', {}, {}],
    [
      'running',
      {
        instanceIp: '10.3.3.3',
        podName: 'svc-0-0-0-6944fb884d-4pgx8',
        podNamespace: 'test',
        proxyAdminPort: 15_005,
        connectTimeout: millis(7_000),
        dnsRefreshRate: millis(60_000),
        tracing: { kind: 'zipkin', address: 'localhost:6000' },
        statsdUdpAddress: '10.1.1.1:9125',
        outlierLogPath: '/dev/stdout',
      },
      running,
    ],
    [
      'injected',
      {
        discoveryAddress: `${ISTIOD}:15012`,
        serviceCluster: 'productpage.default',
        connectTimeout: millis(10_000),
        tracing: { kind: 'zipkin', address: 'zipkin.istio-system:9411' },
      },
      {},
    ],
    ['local', { localConfig: '/etc/istio/local', podName: 'productpage', podNamespace: 'default' }, {}],
  ];
  it.each(cases)('%s', async (name, change, around) => {
    const here = { configPath: folder, ...(change.localConfig === undefined ? {} : { localConfig: folder }) };
    expect(await complaint({ ...change, ...here }, around)).toBeUndefined();
    const text = `${JSON.stringify(buildSample(change, around), null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(`goldens/${name}.golden.json`);
  });
});

it('is strict JSON that Envoy accepts, whatever pod and mesh call things', { timeout: 60_000 }, async () => {
  // Any UTF-16 at all, halves of surrogate pairs, quotes and control characters included.
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  const awkward = fc.oneof(
    text,
    fc.constantFrom('"', '\\', '\u0000', '\ud800', '</script>', '__proto__', '{{', '%'),
  );
  const map = fc.array(fc.tuple(awkward, awkward), { maxLength: 8 });
  const world = fc.record({
    labels: map,
    annotations: map,
    env: map,
    json: fc.jsonValue({ maxDepth: 4 }),
    names: fc.record({
      podName: awkward,
      serviceCluster: awkward,
      meshId: awkward,
      interceptionMode: awkward,
    }),
    extraTags: fc.array(awkward, { maxLength: 3 }),
    inclusionPrefixes: fc.array(awkward, { maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(
      world,
      async ({ labels, annotations, env, json, names, extraTags, inclusionPrefixes }) => {
        const change: Partial<AgentConfig> = {
          ...names,
          proxyConfig: { anything: json },
          stats: { ...sampleConfig().stats, extraTags, inclusionPrefixes },
          runtimeValues: Object.fromEntries(labels.filter(([name]) => name !== '')),
        };
        const around: Surroundings = {
          labels: new Map(labels),
          annotations: new Map(annotations),
          env: {
            ...Object.fromEntries(env.map(([name, value]) => [`ISTIO_META_${name}`, value])),
            ISTIO_METAJSON_LABELS: JSON.stringify(Object.fromEntries(labels)),
            ISTIO_METAJSON_ANY: JSON.stringify({ any: json }),
          },
        };
        const bootstrap = buildSample(change, around);
        expect(JSON.parse(JSON.stringify(bootstrap))).toEqual(bootstrap);
        expect(await envoyComplaint(bootstrap)).toBeUndefined();
      },
    ),
    { numRuns: 20 },
  );
});
