import { describe, expect, it } from 'vitest';
import { type Injected, inject } from './inject-sample.ts';

const S = 'sidecar.istio.io';
const T = 'traffic.sidecar.istio.io';
const R = 'readiness.status.sidecar.istio.io';

type Look = (injected: Injected) => unknown;
const security: Look = ({ proxy }) => proxy.securityContext;
const capabilities = (add: readonly string[]) => ({ capabilities: { add, drop: ['ALL'] }, runAsUser: 0 });

const EFFECTS: readonly (readonly [string, string, Look, unknown])[] = [
  [`${S}/interceptionMode`, 'TPROXY', ({ rule }) => rule('-m'), 'TPROXY'],
  [`${S}/interceptionMode`, 'TPROXY', ({ env }) => env('ISTIO_META_INTERCEPTION_MODE'), 'TPROXY'],
  [`${S}/interceptionMode`, 'TPROXY', security, expect.objectContaining(capabilities(['NET_ADMIN']))],
  [`${S}/interceptionMode`, 'NONE', ({ init }) => init, undefined],
  [`${S}/capNetBindService`, 'true', security, expect.objectContaining(capabilities(['NET_BIND_SERVICE']))],
  [`${S}/proxyImage`, 'mine/proxy:2', ({ proxy }) => proxy.image, 'mine/proxy:2'],
  [
    `${S}/proxyImage`,
    'proxy',
    ({ proxy }) => proxy.image,
    expect.stringContaining('docker.io/istio/proxyv2:'),
  ],
  [`${S}/proxyCPU`, '250m', ({ proxy }) => proxy.resources, { requests: { cpu: '250m' } }],
  [`${S}/proxyMemory`, '1Gi', ({ proxy }) => proxy.resources, { requests: { memory: '1Gi' } }],
  [`${S}/logLevel`, 'debug', ({ arg }) => arg('--proxyLogLevel'), 'debug'],
  [
    `${S}/componentLogLevel`,
    'http:trace,misc:off',
    ({ arg }) => arg('--proxyComponentLogLevel'),
    'http:trace,misc:off',
  ],
  [
    `${S}/bootstrapOverride`,
    'mine',
    ({ pod }) => pod.spec.volumes,
    expect.arrayContaining([{ name: 'custom-bootstrap-volume', configMap: { name: 'mine' } }]),
  ],
  [
    `${S}/bootstrapOverride`,
    'mine',
    ({ env }) => env('ISTIO_BOOTSTRAP_OVERRIDE'),
    '/etc/istio/custom-bootstrap/custom_bootstrap.json',
  ],
  [
    `${S}/userVolume`,
    '{"mine":{"secret":{"secretName":"s"}}}',
    ({ pod }) => pod.spec.volumes,
    expect.arrayContaining([{ name: 'mine', secret: { secretName: 's' } }]),
  ],
  [
    `${S}/userVolumeMount`,
    '{"mine":{"mountPath":"/mine","readOnly":true}}',
    ({ proxy }) => proxy.volumeMounts,
    expect.arrayContaining([{ name: 'mine', mountPath: '/mine', readOnly: true }]),
  ],
  [`${T}/includeOutboundIPRanges`, '10.0.0.0/8,fd00::/8', ({ rule }) => rule('-i'), '10.0.0.0/8,fd00::/8'],
  [`${T}/includeOutboundIPRanges`, '', ({ rule }) => rule('-i'), ''],
  [`${T}/excludeOutboundIPRanges`, '10.1.0.0/16', ({ rule }) => rule('-x'), '10.1.0.0/16'],
  [`${T}/includeInboundPorts`, '80,443', ({ rule }) => rule('-b'), '80,443'],
  [`${T}/includeInboundPorts`, '', ({ rule }) => rule('-b'), ''],
  [`${T}/excludeOutboundPorts`, '3306', ({ rule }) => rule('-o'), '3306'],
  [`${T}/kubevirtInterfaces`, 'net0,net1', ({ rule }) => rule('-k'), 'net0,net1'],
  ['proxy.istio.io/config', 'interceptionMode: TPROXY', ({ rule }) => rule('-m'), 'TPROXY'],
  ['proxy.istio.io/config', '{proxyMetadata: {A: b}}', ({ env }) => env('A'), 'b'],
];

describe.each(['1.5', '1.30'] as const)('what an annotation does, %s', (compat) => {
  it.each(EFFECTS)('%s: %s', (name, value, look, expected) => {
    expect(look(inject({ compat, annotations: { [name]: value } }))).toEqual(expected);
  });

  it('excludeInboundPorts goes before the port of the agent, which comes once', () => {
    const excluded = (value: string) =>
      inject({ compat, annotations: { [`${T}/excludeInboundPorts`]: value } }).rule('-d');
    const first = compat === '1.5' ? '15090' : '15090,15021';
    expect(excluded('80, 443')).toBe(`${first},80,443,15020`);
    expect(excluded('80,15020')).toBe(`${first},80,15020`);
    expect(excluded('')).toBe(`${first},15020`);
  });

  it('readiness has its own numbers', () => {
    const annotations = {
      [`${R}/initialDelaySeconds`]: '7',
      [`${R}/periodSeconds`]: '8',
      [`${R}/failureThreshold`]: '9',
    };
    expect(inject({ compat, annotations }).proxy.readinessProbe).toMatchObject({
      initialDelaySeconds: 7,
      periodSeconds: 8,
      failureThreshold: 9,
    });
  });

  it('status port 0 takes readiness, its exclusion and probe rewriting away', () => {
    const annotations = {
      'status.sidecar.istio.io/port': '0',
      [`${S}/rewriteAppHTTPProbers`]: 'true',
    };
    const { proxy, rule, env } = inject({ compat, annotations });
    expect(proxy.readinessProbe).toBeUndefined();
    expect(rule('-d')).not.toContain('15020');
    expect(env('ISTIO_KUBE_APP_PROBERS')).toBeUndefined();
  });
});

describe('annotations of 1.5', () => {
  it.each([
    ['sidecar.istio.io/discoveryAddress', 'pilot:1', '--discoveryAddress', 'pilot:1'],
    ['status.sidecar.istio.io/port', '15099', '--statusPort', '15099'],
    ['proxy.istio.io/config', 'drainDuration: 90s', '--drainDuration', '1m30s'],
  ])('%s: %s', (name, value, flag, expected) => {
    expect(inject({ annotations: { [name]: value } }).arg(flag)).toBe(expected);
  });

  it('reach the agent as they are, sorted', () => {
    const { env } = inject({ annotations: { 'b/c': '2', a: '1' } });
    expect(env('ISTIO_METAJSON_ANNOTATIONS')).toBe('{"a":"1","b/c":"2"}\n');
  });
});

describe('annotations of 1.30', () => {
  const on = (name: string, value: string) => inject({ compat: '1.30', annotations: { [name]: value } });

  it.each([
    [`${T}/includeOutboundPorts`, '3306', '-q', '3306'],
    [`${T}/excludeInterfaces`, 'eth1', '-c', 'eth1'],
    ['istio.io/reroute-virtual-interfaces', 'net9', '-k', 'net9'],
    [`${S}/agentLogLevel`, 'default:debug', '--log_output_level', 'default:debug'],
  ])('%s: %s', (name, value, flag, expected) => expect(on(name, value).rule(flag)).toBe(expected));

  it('limits stand beside requests', () => {
    expect(on(`${S}/proxyCPULimit`, '3').proxy.resources).toEqual({ limits: { cpu: '3' } });
  });

  it('an image type is a suffix of the tag', () => {
    expect(on(`${S}/proxyImageType`, 'distroless').proxy.image).toBe(
      'docker.io/istio/proxyv2:1.30.0-distroless',
    );
  });

  it('a core dump has an init container', () => {
    expect(on(`${S}/enableCoreDump`, 'true').pod.spec.initContainers).toContainEqual(
      expect.objectContaining({ name: 'enable-core-dump' }),
    );
  });

  it('a native sidecar comes first and goes on running', () => {
    const { pod } = on(`${S}/nativeSidecar`, 'true');
    expect(pod.spec.initContainers?.map(({ name }) => name)).toEqual(['istio-init', 'istio-proxy']);
    expect(pod.spec.initContainers?.[1]).toMatchObject({ restartPolicy: 'Always', startupProbe: {} });
    expect(pod.spec.containers?.map(({ name }) => name)).toEqual(['cart']);
  });

  it('an application that is to wait starts after a proxy that comes first', () => {
    const { pod, proxy } = on('proxy.istio.io/config', 'holdApplicationUntilProxyStarts: true');
    expect(pod.spec.containers?.map(({ name }) => name)).toEqual(['istio-proxy', 'cart']);
    expect(proxy.lifecycle).toEqual({ postStart: { exec: { command: ['pilot-agent', 'wait'] } } });
  });

  it('the ProxyConfig is in the environment, without what holds anyway', () => {
    const { env } = on('proxy.istio.io/config', '{concurrency: 3, statusPort: 15020}');
    expect(env('PROXY_CONFIG')).toBe('{"concurrency":3}\n');
  });
});

const WRONG: readonly (readonly [string, string])[] = [
  [`${S}/interceptionMode`, 'SOMETIMES'],
  [`${S}/interceptionMode`, ''],
  [`${S}/enableCoreDump`, 'perhaps'],
  [`${S}/proxyCPU`, 'much'],
  [`${S}/proxyMemory`, '1 Gi'],
  [`${S}/proxyImage`, 'a b/c'],
  [`${S}/logLevel`, 'loud'],
  [`${S}/componentLogLevel`, 'http'],
  [`${S}/agentLogLevel`, 'default:trace'],
  [`${S}/bootstrapOverride`, 'No Name'],
  [`${S}/userVolume`, 'no json'],
  [`${S}/userVolume`, '{"a":1}'],
  [`${S}/userVolumeMount`, '{"a":{"mountPath":"relative"}}'],
  [`${S}/discoveryAddress`, 'nowhere'],
  ['status.sidecar.istio.io/port', '65536'],
  ['status.sidecar.istio.io/port', ''],
  [`${R}/periodSeconds`, '-1'],
  [`${T}/includeOutboundIPRanges`, '10.0.0.0'],
  [`${T}/includeOutboundIPRanges`, '10.0.0.0/33'],
  [`${T}/includeOutboundIPRanges`, '*,10.0.0.0/8'],
  [`${T}/excludeOutboundIPRanges`, '*'],
  [`${T}/includeInboundPorts`, '80,bad'],
  [`${T}/excludeInboundPorts`, '*'],
  [`${T}/excludeOutboundPorts`, '70000'],
  [`${T}/kubevirtInterfaces`, 'a name'],
  ['prometheus.istio.io/merge-metrics', 'x'],
  ['proxy.istio.io/config', 'a: b: c'],
  ['proxy.istio.io/config', 'drainDuration: long'],
  ['proxy.istio.io/config', 'concurrency: -1'],
];

describe('what an annotation must not say', () => {
  it.each(WRONG)('%s: %s', (name, value) => {
    expect(() => inject({ annotations: { [name]: value } })).toThrow(name);
  });

  it('comes all in one message', () => {
    const all = Object.fromEntries(WRONG);
    const message = (() => {
      try {
        inject({ annotations: all });
        return '';
      } catch (thrown) {
        return String(thrown);
      }
    })();
    for (const name of Object.keys(all)) expect(message).toContain(name);
  });

  it.each([
    [`${S}/rewriteAppHTTPProbers`, 'maybe', 'not true or false, ignored'],
    [`${S}/proxyImage`, 'proxy', 'names no registry'],
    [`${S}/logLevels`, 'debug', 'Potentially misspelled annotation'],
  ])('costs a warning where it has no effect: %s', (name, value, warning) => {
    expect(inject({ annotations: { [name]: value } }).warnings).toContainEqual(
      expect.stringContaining(warning),
    );
  });
});
