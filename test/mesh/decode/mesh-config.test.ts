import { expect, it } from 'vitest';
import { readMeshSettings } from '../../../src/mesh/decode/mesh-config.ts';
import { DEFAULT_SETTINGS } from '../../../src/mesh/model/defaults.ts';

it('an empty mesh config means the defaults', () => {
  expect(readMeshSettings({})).toEqual({ settings: DEFAULT_SETTINGS, problems: [], warnings: [] });
});

it('reads what sidecars have in common', () => {
  const meshConfig = {
    rootNamespace: 'root',
    outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' },
    defaultServiceExportTo: ['.'],
    accessLogFile: '/dev/stdout',
    accessLogEncoding: 'JSON',
    accessLogFormat: '{"path": "%REQ(:PATH)%"}',
    connectTimeout: '1s',
    protocolDetectionTimeout: '250ms',
    proxyListenPort: 15101,
    proxyInboundListenPort: 15106,
    proxyHttpPort: 15555,
    trustDomain: 'cluster.local',
    defaultConfig: { tracing: { zipkin: { address: 'zipkin.istio-system:9411' }, sampling: 12.5 } },
  };
  expect(readMeshSettings(meshConfig, 'mesh.example')).toEqual({
    settings: {
      rootNamespace: 'root',
      domain: 'mesh.example',
      outboundTrafficPolicy: 'REGISTRY_ONLY',
      defaultServiceExportTo: ['.'],
      accessLog: { kind: 'file', path: '/dev/stdout', encoding: 'JSON', format: '{"path": "%REQ(:PATH)%"}' },
      tracing: { kind: 'zipkin', host: 'zipkin.istio-system', port: 9411, sampling: 12.5 },
      connectTimeout: 1_000,
      protocolDetectionTimeout: 250,
      outboundPort: 15_101,
      inboundPort: 15_106,
      httpProxyPort: 15_555,
    },
    problems: [],
    warnings: [],
  });
});

it.each([
  [{ outboundTrafficPolicy: {} }, { outboundTrafficPolicy: 'REGISTRY_ONLY' }],
  [{ outboundTrafficPolicy: { mode: 1 } }, { outboundTrafficPolicy: 'ALLOW_ANY' }],
  [{ accessLogFile: '' }, { accessLog: { kind: 'off' } }],
  [{ enableTracing: false, defaultConfig: { zipkinAddress: 'a:1' } }, { tracing: { kind: 'off' } }],
  [{ defaultConfig: { zipkinAddress: 'a:1' } }, { tracing: { host: 'a', port: 1, sampling: 1 } }],
  [{ defaultConfig: { tracing: { zipkin: { address: 'a' } } } }, { tracing: { host: 'a', port: 9411 } }],
  [{ proxyHttpPort: 0 }, { httpProxyPort: 0 }],
])('%j', (meshConfig, expected) => {
  const { settings, problems } = readMeshSettings(meshConfig);
  expect(settings).toMatchObject(expected);
  expect(problems).toEqual([]);
});

it('says everything that is wrong, each with its field', () => {
  const { problems, warnings } = readMeshSettings({
    rootNamespace: 'a b',
    outboundTrafficPolicy: { mode: 'DENY' },
    accessLogEncoding: 'JSON',
    accessLogFormat: 'text',
    connectTimeout: '10',
    proxyListenPort: 70_000,
    defaultConfig: { tracing: { zipkin: { address: 'a:b' }, sampling: 101 } },
    h2UpgradePolicy: 'UPGRADE',
  });
  expect(problems).toEqual([
    'rootNamespace: "a b": expected the name of a namespace',
    'outboundTrafficPolicy.mode: expected one of REGISTRY_ONLY, ALLOW_ANY, got "DENY"',
    'accessLogFormat: "text": accessLogEncoding JSON needs a JSON object',
    'defaultConfig.tracing.sampling: expected a percentage from 0 to 100, got "101"',
    'defaultConfig.tracing.zipkin.address: "a:b": expected host:port',
    'connectTimeout: "10": expected a duration above zero, such as 10s or 100ms',
    'proxyListenPort: expected a port from 1 to 65535, got "70000"',
  ]);
  expect(warnings).toEqual(['h2UpgradePolicy: is not supported with a mesh from files, ignored']);
});
