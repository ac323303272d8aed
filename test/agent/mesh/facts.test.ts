import { expect, it } from 'vitest';
import { proxyFacts, tracingOf } from '../../../src/agent/mesh/facts.ts';
import { resolveIdentity } from '../../../src/bootstrap/identity.ts';
import type { AgentConfig } from '../../../src/config/agent-config.ts';
import { sampleConfig } from '../../bootstrap/sample-config.ts';

function facts(change: Partial<AgentConfig>, env: Readonly<Record<string, string>> = {}) {
  const config = sampleConfig(change);
  const labels = new Map([['app', 'a']]);
  const identity = resolveIdentity({
    config,
    addresses: [],
    labels,
    workloadName: undefined,
    hostname: 'host',
  });
  return proxyFacts(config, identity, labels, env);
}

it('takes name, namespace and address from the pod', () => {
  expect(facts({})).toMatchObject({
    name: 'p-0',
    namespace: 'ns1',
    ip: '10.9.8.7',
    labels: { app: 'a' },
    domain: 'cluster.local',
    interception: 'REDIRECT',
  });
});

it('takes them from the id where there is no pod', () => {
  const found = facts({ podName: undefined, podNamespace: undefined, id: 'vm-1.shop' });
  expect(found).toMatchObject({ name: 'vm-1', namespace: 'shop' });
});

it('finds the domain of the mesh in its own', () => {
  expect(facts({ domain: 'ns1.svc.example.org' }).domain).toBe('example.org');
  expect(facts({ domain: 'elsewhere' }).domain).toBe('cluster.local');
});

it.each([
  ['NONE', {}, 'NONE'],
  [undefined, { ISTIO_META_INTERCEPTION_MODE: 'tproxy' }, 'TPROXY'],
  [undefined, {}, 'REDIRECT'],
])('knows from %s and %j that it is %s', (interceptionMode, env, expected) => {
  expect(facts({ interceptionMode }, env).interception).toBe(expected);
});

it('has the tracer of the command line, with the sampling of ProxyConfig', () => {
  const tracing = { kind: 'zipkin', address: 'zipkin:9411' } as const;
  expect(tracingOf(sampleConfig({ tracing, proxyConfig: { tracing: { sampling: 50 } } }))).toEqual({
    kind: 'zipkin',
    host: 'zipkin',
    port: 9411,
    sampling: 50,
  });
  expect(tracingOf(sampleConfig({}))).toBeUndefined();
});
