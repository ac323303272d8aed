import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

let folder: string;
let ca: string;
let cert: string;
let key: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bootstrap-'));
  ({ ca, cert, key } = await testCertificates(folder, 'istiod.istio-system.svc'));
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
    [
      'TLS on 15012 before there is any certificate',
      () => ({ discoveryAddress: 'istiod.istio-system.svc:15012' }),
    ],
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
