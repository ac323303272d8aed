import { describe, expect, it } from 'vitest';
import type { Container } from '../../src/inject/kubernetes.ts';
import { restoreProbes, rewriteProbes } from '../../src/inject/probes.ts';
import { inject } from './inject-sample.ts';

const ports = [{ name: 'http', containerPort: 8080 }];
const cart = (more: Partial<Container>): Container => ({ name: 'cart', ports, ...more });
const rewrite = (container: Container, compat: '1.5' | '1.30' = '1.30') => {
  const { containers, probers, warnings } = rewriteProbes([container], [], 15020, compat);
  return { container: containers[0], probers, warnings };
};
const KEY = '/app-health/cart/readyz';

describe('a probe', () => {
  it.each([
    [
      'HTTP',
      {
        httpGet: { path: '/ready', port: 'http', httpHeaders: [{ name: 'X', value: 'y' }] },
        periodSeconds: 3,
      },
      { httpGet: { path: KEY, port: 15020, httpHeaders: [{ name: 'X', value: 'y' }] }, periodSeconds: 3 },
      { httpGet: { path: '/ready', port: 8080, httpHeaders: [{ name: 'X', value: 'y' }] } },
    ],
    [
      'HTTPS',
      { httpGet: { path: '/', port: 443, scheme: 'HTTPS' }, timeoutSeconds: 2 },
      { httpGet: { path: KEY, port: 15020, scheme: 'HTTP' }, timeoutSeconds: 2 },
      { httpGet: { path: '/', port: 443, scheme: 'HTTPS' }, timeoutSeconds: 2 },
    ],
    [
      'TCP',
      { tcpSocket: { port: 'http' } },
      { httpGet: { path: KEY, port: 15020 } },
      { tcpSocket: { port: 8080 } },
    ],
    [
      'gRPC',
      { grpc: { port: 9000, service: 'health' } },
      { httpGet: { path: KEY, port: 15020 } },
      { grpc: { port: 9000, service: 'health' } },
    ],
  ])('by %s goes to the agent, which is told what to ask', (_, readinessProbe, moved, prober) => {
    const { container, probers } = rewrite(cart({ readinessProbe }));
    expect(container?.readinessProbe).toEqual(moved);
    expect(probers).toEqual({ [KEY]: prober });
  });

  it.each([
    ['that runs a command', { exec: { command: ['true'] } }, []],
    ['that asks the agent already', { httpGet: { path: KEY, port: 15020 } }, []],
    [
      'of a port that is not there',
      { httpGet: { port: 'nowhere' } },
      [expect.stringContaining('readinessProbe of')],
    ],
  ])('%s stays as it is', (_, readinessProbe, warnings) => {
    const given = cart({ readinessProbe });
    expect(rewrite(given)).toEqual({ container: given, probers: {}, warnings });
  });

  it('of any kind has a path of its own, and hooks too', () => {
    const httpGet = { path: '/', port: 1 };
    const all = { readinessProbe: { httpGet }, livenessProbe: { httpGet }, startupProbe: { httpGet } };
    const { probers } = rewrite(
      cart({ ...all, lifecycle: { preStop: { httpGet }, postStart: { httpGet } } }),
    );
    expect(Object.keys(probers)).toEqual([
      '/app-health/cart/livez',
      '/app-health/cart/readyz',
      '/app-health/cart/startupz',
      '/app-lifecycle/cart/poststartz',
      '/app-lifecycle/cart/prestopz',
    ]);
  });

  it('of 1.5 goes to the agent by HTTP alone, for readiness and liveness', () => {
    const tcpSocket = { port: 1 };
    const given = cart({ readinessProbe: { tcpSocket }, startupProbe: { httpGet: { port: 1 } } });
    expect(rewrite(given, '1.5')).toEqual({ container: given, probers: {}, warnings: [] });
  });

  it('comes back as it was, with the number of its port', () => {
    const given = cart({
      readinessProbe: { httpGet: { path: '/r', port: 'http', scheme: 'HTTPS' }, timeoutSeconds: 4 },
      lifecycle: { preStop: { tcpSocket: { port: 1 } }, postStart: { exec: {} } },
    });
    const { container, probers } = rewrite(given);
    expect(container && restoreProbes(container, probers)).toEqual({
      ...given,
      readinessProbe: { httpGet: { path: '/r', port: 8080, scheme: 'HTTPS' }, timeoutSeconds: 4 },
    });
  });
});

describe('rewriting', () => {
  const spec = { containers: [cart({ readinessProbe: { httpGet: { path: '/', port: 1 } } })] };
  const annotations = { 'sidecar.istio.io/rewriteAppHTTPProbers': 'true' };
  const probersOf = (sample: Parameters<typeof inject>[0]) => inject(sample).env('ISTIO_KUBE_APP_PROBERS');

  it('is off in 1.5 and on in 1.30, unless a value or the pod says otherwise', () => {
    expect(probersOf({ spec })).toBeUndefined();
    expect(probersOf({ spec, annotations })).toContain(KEY);
    expect(probersOf({ spec, values: 'sidecarInjectorWebhook: { rewriteAppHTTPProbe: true }' })).toContain(
      KEY,
    );
    expect(probersOf({ spec, compat: '1.30' })).toContain(KEY);
    const off = { 'sidecar.istio.io/rewriteAppHTTPProbers': 'false' };
    expect(probersOf({ spec, compat: '1.30', annotations: off })).toBeUndefined();
  });

  it('without probes leaves an empty object in 1.5, nothing in 1.30', () => {
    expect(probersOf({ annotations })).toBe('{}');
    expect(probersOf({ annotations, compat: '1.30' })).toBeUndefined();
  });
});
