import { describe, expect, it } from 'vitest';
import { type IdentityInput, resolveIdentity } from '../../src/bootstrap/identity.ts';
import type { AgentConfig } from '../../src/config/agent-config.ts';
import { sampleConfig } from './sample-config.ts';

function identity(change: Partial<AgentConfig> = {}, around: Partial<IdentityInput> = {}) {
  return resolveIdentity({
    config: sampleConfig(change),
    addresses: [],
    labels: new Map(),
    workloadName: undefined,
    hostname: undefined,
    ...around,
  });
}
const on = (name: string, ...addresses: readonly string[]) =>
  addresses.map((address) => ({ interface: name, address }));

describe('the node id', () => {
  const cases: [string, Partial<AgentConfig>, string][] = [
    ['Kubernetes', {}, 'sidecar~10.9.8.7~p-0.ns1~ns1.svc.cluster.local'],
    ['Consul', { serviceRegistry: 'Consul' }, 'sidecar~10.9.8.7~10.9.8.7.service.consul~service.consul'],
    ['Mock', { serviceRegistry: 'Mock' }, 'sidecar~10.9.8.7~10.9.8.7~'],
    ['given', { ip: '9.9.9.9', id: 'my-id', domain: 'x.y' }, 'sidecar~9.9.9.9~my-id~x.y'],
    ['a router', { role: 'router' }, 'router~10.9.8.7~p-0.ns1~ns1.svc.cluster.local'],
    ['no namespace', { podNamespace: undefined }, 'sidecar~10.9.8.7~p-0.default~default.svc.cluster.local'],
    ['no pod name', { podName: undefined }, 'sidecar~10.9.8.7~10-9-8-7.ns1~ns1.svc.cluster.local'],
    ['nothing at all', { instanceIp: undefined }, 'sidecar~127.0.0.1~p-0.ns1~ns1.svc.cluster.local'],
  ];
  it.each(cases)('%s', (_name, change, expected) => {
    expect(identity(change).nodeId).toBe(expected);
  });
  it('takes the host name for a pod name that is not set', () => {
    expect(identity({ podName: undefined }, { hostname: 'p-1' }).id).toBe('p-1.ns1');
  });
});

describe('the addresses', () => {
  it('are those of the interfaces after the one that was given, each once', () => {
    const { ips } = identity(
      { instanceIp: '10.77.0.9' },
      { addresses: on('eth0', '10.1.1.1', '10.77.0.9', 'fd00:77::9') },
    );
    expect(ips).toEqual(['10.77.0.9', '10.1.1.1', 'fd00:77::9']);
  });
  it('do not count on interfaces that are excluded', () => {
    const addresses = [...on('net1', '10.1.1.1'), ...on('eth0', '10.2.2.2')];
    expect(identity({ instanceIp: undefined, excludeInterfaces: ['net1'] }, { addresses }).ips).toEqual([
      '10.2.2.2',
    ]);
  });
  it('are loopback when there is nothing else, and that is IPv4', () => {
    expect(identity({ instanceIp: undefined })).toMatchObject({ ips: ['127.0.0.1', '::1'], ipMode: 'v4' });
  });
  it('have one spelling', () => {
    expect(identity({ ip: 'FD00:0::5' }, { addresses: on('eth0', 'fd00::5') }).ips).toEqual(['fd00::5']);
  });
});

describe('the address family', () => {
  it.each([
    ['IPv4', ['10.0.0.1'], false, 'v4', '127.0.0.1', '0.0.0.0', undefined, 'V4_ONLY'],
    ['IPv6', ['fd00::1'], false, 'v6', '::1', '::', undefined, 'V6_ONLY'],
    ['both', ['fd00::1', '10.0.0.1'], false, 'v4', '127.0.0.1', '0.0.0.0', undefined, 'V4_ONLY'],
    ['dual stack', ['10.0.0.1', 'fd00::1'], true, 'dual', '127.0.0.1', '0.0.0.0', '::', 'ALL'],
    ['dual stack, IPv6 first', ['fd00::1', '10.0.0.1'], true, 'dual', '::1', '::', '0.0.0.0', 'ALL'],
    ['dual stack without IPv6', ['10.0.0.1'], true, 'v4', '127.0.0.1', '0.0.0.0', undefined, 'V4_ONLY'],
  ] as const)(
    '%s',
    (_name, ips, dualStack, ipMode, localhost, wildcard, additionalWildcard, dnsLookupFamily) => {
      const found = identity({ instanceIp: undefined, dualStack }, { addresses: on('eth0', ...ips) });
      expect(found).toMatchObject({ ipMode, localhost, wildcard, additionalWildcard, dnsLookupFamily });
    },
  );
});

describe('the cluster', () => {
  const labels = new Map([
    ['app', 'shop'],
    ['app.kubernetes.io/name', 'shop-server'],
    ['service.istio.io/canonical-name', 'shop-canonical'],
  ]);
  const cases: [string, Partial<AgentConfig>, Partial<IdentityInput>, string][] = [
    ['was chosen', { serviceCluster: 'productpage.default' }, { labels }, 'productpage.default'],
    ['after the app label', {}, { labels }, 'shop.ns1'],
    ['after another label', {}, { labels: new Map([['app.kubernetes.io/name', 'n']]) }, 'n.ns1'],
    ['after the workload', {}, { workloadName: 'w' }, 'w.ns1'],
    ['after the namespace', {}, {}, 'istio-proxy.ns1'],
    ['after nothing', { podNamespace: undefined }, {}, 'istio-proxy'],
    ['canonical name', { tracingServiceName: 'CANONICAL_NAME_ONLY' }, { labels }, 'shop-canonical'],
    [
      'canonical name of a workload',
      { tracingServiceName: 'CANONICAL_NAME_ONLY' },
      { workloadName: 'w' },
      'w',
    ],
    [
      'canonical name and namespace',
      { tracingServiceName: 'CANONICAL_NAME_AND_NAMESPACE' },
      { labels },
      'shop-canonical.ns1',
    ],
  ];
  it.each(cases)('%s', (_name, change, around, expected) => {
    expect(identity(change, around).cluster).toBe(expected);
  });
});
