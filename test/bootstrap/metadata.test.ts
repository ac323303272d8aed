import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type MetadataInput, nodeMetadata } from '../../src/bootstrap/metadata.ts';
import type { AgentConfig } from '../../src/config/agent-config.ts';
import { sampleConfig } from './sample-config.ts';

function metadata(
  env: Record<string, string>,
  around: Partial<MetadataInput> = {},
  change: Partial<AgentConfig> = {},
) {
  return nodeMetadata({
    config: sampleConfig(change),
    identity: { ips: ['10.3.3.3', '10.4.4.4'] },
    env,
    labels: new Map(),
    annotations: new Map(),
    ...around,
  });
}

describe('metadata from the environment', () => {
  it('keeps ISTIO_META_ names as they are, and nothing else', () => {
    const found = metadata({
      ISTIO_META_foo: 'baz',
      NOT_AN_ISTIO_META_bar: 'x',
      ISTIO_META_EMPTY: '',
    }).metadata;
    expect(found).toMatchObject({ foo: 'baz', EMPTY: '' });
    expect(found).not.toHaveProperty('bar');
  });
  it('does not take a name in another case for a known one', () => {
    const found = metadata({ ISTIO_METAJSON_LABELS: '{"network":"n","name":"x"}' }).metadata;
    expect(found).toMatchObject({ network: 'n', name: 'x', NAME: 'p-0' });
    expect(found).not.toHaveProperty('NETWORK');
  });
  it('prefers the environment to proxyMetadata', () => {
    const change = { proxyMetadata: { ISTIO_META_A: 'mesh', ISTIO_META_B: 'mesh', OTHER: 'x' } };
    expect(metadata({ ISTIO_META_A: 'env' }, {}, change).metadata).toMatchObject({ A: 'env', B: 'mesh' });
  });
  it('has labels at the top level and under LABELS, where the file of the pod wins', () => {
    const { metadata: found } = metadata(
      { ISTIO_METAJSON_LABELS: '{"app":"zz","version":"v1"}' },
      {
        labels: new Map([
          ['app', 'web'],
          ['pod-template-hash', '123'],
          ['istioTelemetryService', 'telemetry'],
        ]),
      },
    );
    expect(found).toMatchObject({
      app: 'zz',
      LABELS: { app: 'web', version: 'v1', istioTelemetryService: 'telemetry' },
      STATIC_LABELS: { app: 'zz', version: 'v1' },
      CANONICAL_TELEMETRY_SERVICE: 'telemetry',
    });
    expect(found['LABELS']).not.toHaveProperty('pod-template-hash');
  });
  it('has annotations from both', () => {
    const { metadata: found } = metadata(
      { ISTIO_METAJSON_ANNOTATIONS: '{"istio.io/insecurepath":"{\\"paths\\":[\\"/metrics\\"]}"}' },
      { annotations: new Map([['sidecar.istio.io/inject', 'true']]) },
    );
    expect(found).toMatchObject({
      'istio.io/insecurepath': '{"paths":["/metrics"]}',
      ANNOTATIONS: { 'istio.io/insecurepath': '{"paths":["/metrics"]}', 'sidecar.istio.io/inject': 'true' },
    });
  });
  it('brings ports to the form that the control plane knows', () => {
    const ports = '[{"containerPort":80,"hostPort":1},{"name":"http","containerPort":8080,"protocol":"TCP"}]';
    expect(metadata({ ISTIO_META_POD_PORTS: ports }).metadata['POD_PORTS']).toBe(
      '[{"containerPort":80,"protocol":""},{"name":"http","containerPort":8080,"protocol":"TCP"}]',
    );
  });
  it('reads booleans as Go does', () => {
    const found = metadata({ ISTIO_META_DNS_CAPTURE: '1', ISTIO_META_USER_SDS: 'F' }).metadata;
    expect(found).toMatchObject({ DNS_CAPTURE: 'true', USER_SDS: 'false' });
  });
  it.each([
    [{ ISTIO_METAJSON_X: 'nonsense' }, 'ISTIO_METAJSON_X'],
    [{ ISTIO_METAJSON_X: '[1]' }, 'ISTIO_METAJSON_X'],
    [{ ISTIO_METAJSON_X: `${'{"a":'.repeat(200)}1${'}'.repeat(200)}` }, 'ISTIO_METAJSON_X'],
    [{ ISTIO_METAJSON_LABELS: '{"a":1,"b":"x"}' }, 'ISTIO_METAJSON_LABELS: the value of a'],
    [{ ISTIO_META_LABELS: 'foo' }, 'LABELS'],
    [{ ISTIO_METAJSON_X: '{"OWNER":5}' }, 'OWNER'],
    [{ ISTIO_META_USER_SDS: 'foo' }, 'USER_SDS'],
    [{ ISTIO_META_POD_PORTS: 'notjson' }, 'POD_PORTS'],
    [{ ISTIO_META_POD_PORTS: '[{"containerPort":"80"}]' }, 'POD_PORTS'],
  ])('%j is a warning that names it, and no more', (env, named) => {
    const { warnings } = metadata(env as unknown as Record<string, string>);
    expect(warnings).toEqual([expect.stringContaining(named)]);
  });
});

describe('what the agent knows itself', () => {
  it('beats the environment', () => {
    const found = metadata(
      { ISTIO_META_INSTANCE_IPS: '1.1.1.1', ISTIO_META_NAME: 'other', ISTIO_META_OWNER: 'kubernetes://x' },
      {},
      {
        serviceAccount: 'sa',
        stsPort: 15_463,
        outlierLogPath: '/dev/stdout',
        proxyConfig: { statusPort: 15_020 },
      },
    ).metadata;
    expect(found).toMatchObject({
      NAME: 'p-0',
      NAMESPACE: 'ns1',
      INSTANCE_IPS: '10.3.3.3,10.4.4.4',
      OWNER: 'kubernetes://x',
      SERVICE_ACCOUNT: 'sa',
      STS_PORT: '15463',
      OUTLIER_LOG_PATH: '/dev/stdout',
      ENVOY_STATUS_PORT: 15_021,
      ENVOY_PROMETHEUS_PORT: 15_090,
      PROXY_CONFIG: { statusPort: 15_020 },
    });
  });
  it('names the control plane it will accept', () => {
    const change = { discoveryAddress: 'localhost:15012', controlPlaneAuthPolicy: 'MUTUAL_TLS' } as const;
    expect(metadata({}, {}, change).metadata['PILOT_SAN']).toEqual([
      'spiffe://cluster.local/ns/ns1/sa/istio-pilot-service-account',
      'istiod.istio-system.svc',
    ]);
    expect(metadata({}).metadata).not.toHaveProperty('PILOT_SAN');
  });
  it('leaves the ports and versions of the image alone', () => {
    expect(metadata({ ISTIO_META_ISTIO_VERSION: 'release-3.1' }).metadata['ISTIO_VERSION']).toBe(
      'release-3.1',
    );
    expect(metadata({}, {}, { meshId: 'm' }).metadata['MESH_ID']).toBe('m');
    expect(metadata({ ISTIO_META_MESH_ID: 'pod' }, {}, { meshId: 'm' }).metadata['MESH_ID']).toBe('pod');
  });
  it('tells nobody the token of the tracer', () => {
    const { metadata: found } = metadata(
      {},
      { annotations: new Map([['proxy.istio.io/config', 'tracing: {lightstep: {accessToken: s3cret}}']]) },
      {
        tracing: { kind: 'lightstep', address: 'l:443', accessToken: 's3cret' },
        proxyConfig: { tracing: { lightstep: { accessToken: 's3cret' } } },
      },
    );
    expect(JSON.stringify(found)).not.toContain('s3cret');
  });
});

describe('the locality', () => {
  const label = (name: string, value: string) => ({ labels: new Map([[name, value]]) });
  it.each([
    [
      'the label',
      {},
      label('topology.istio.io/locality', 'r/z/s'),
      { region: 'r', zone: 'z', sub_zone: 's' },
    ],
    [
      'the old label, with dots',
      {},
      label('istio-locality', 'r.z.s.more'),
      { region: 'r', zone: 'z', sub_zone: 's' },
    ],
    ['a slash makes dots literal', {}, label('istio-locality', 'r.1/z'), { region: 'r.1', zone: 'z' }],
    ['the environment', { 'ISTIO_META_istio-locality': 'r/z' }, {}, { region: 'r', zone: 'z' }],
    [
      'labels in the environment',
      { ISTIO_METAJSON_LABELS: '{"istio-locality":"r.z"}' },
      {},
      { region: 'r', zone: 'z' },
    ],
    ['empty parts', {}, label('istio-locality', '/z/'), { zone: 'z' }],
    ['none', {}, label('istio-locality', ''), undefined],
  ])('%s', (_name, env, around, expected) => {
    expect(metadata(env as unknown as Record<string, string>, around).locality).toEqual(expected);
  });
});

it('never throws, whatever the environment holds, and keeps its keys sorted', () => {
  const text = fc.string({ unit: 'binary' });
  const env = fc.dictionary(
    fc.oneof(
      text.map((name) => `ISTIO_META_${name}`),
      text.map((name) => `ISTIO_METAJSON_${name}`),
      fc.constantFrom(
        'ISTIO_METAJSON_LABELS',
        'ISTIO_META_POD_PORTS',
        'ISTIO_META_DNS_CAPTURE',
        'ISTIO_META___proto__',
      ),
    ),
    fc.oneof(text, fc.json()),
  );
  fc.assert(
    fc.property(env, fc.array(fc.tuple(text, text)), (values, labels) => {
      const { metadata: found } = metadata(values, { labels: new Map(labels), annotations: new Map(labels) });
      const names = Object.keys(found).filter((name) => !/^\d+$/.test(name));
      expect(names).toEqual([...names].sort());
      expect(found['INSTANCE_IPS']).toBe('10.3.3.3,10.4.4.4');
    }),
  );
});
