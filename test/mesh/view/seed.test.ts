import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../../src/mesh/model/defaults.ts';
import { findWorkload, proxyView } from '../../../src/mesh/view/proxy-view.ts';
import type { ExposedService, ProxyView } from '../../../src/mesh/view/view.ts';
import { modelOf } from '../load-text.ts';
import { NAMESPACES_ONLY, NO_IPTABLES, PARTIAL_IPTABLES, SERVICES, UNIX_SOCKET } from '../seed.ts';

async function view(...sidecars: readonly string[]): Promise<ProxyView> {
  const model = await modelOf(SERVICES, ...sidecars);
  const workload = findWorkload(model, 'productpage-v1.prod-us1');
  if (workload === undefined) throw new Error('the seed has no productpage');
  return proxyView(model, DEFAULT_SETTINGS, workload);
}

/** `reviews.prod-us1.svc.cluster.local:7000,9080`, short of what all names have in common. */
function short(services: readonly ExposedService[]): readonly string[] {
  return services.map(
    ({ service, ports }) =>
      `${service.hostname.replace('.svc.cluster.local', '')}:${ports.map(({ number }) => number).join(',')}`,
  );
}

const OF_PROD_US1 = ['productpage.prod-us1:9080', 'reviews.prod-us1:9080,7000,7443,7001'];
const TELE = 'tele.istio-system:9080,8888';

describe('without a Sidecar', () => {
  it('everything is visible, on one catch-all listener', async () => {
    const { sidecar, egress, services, outboundTrafficPolicy } = await view();
    expect(sidecar).toEqual({ kind: 'built-in' });
    expect(egress.map(({ listener }) => listener.kind)).toEqual(['catch-all']);
    expect(short(services)).toEqual([TELE, 'mysql.foo.com:3306', 'ratings.prod-apis:9080', ...OF_PROD_US1]);
    expect(outboundTrafficPolicy).toMatchObject({ mode: 'ALLOW_ANY', origin: undefined });
  });

  it('the ports of its own services arrive', async () => {
    const { inbound, localhost } = await view();
    expect(inbound).toMatchObject({
      kind: 'services',
      ports: [
        { service: { name: 'productpage' }, port: { number: 9080, protocol: 'HTTP' }, targetPort: 9080 },
      ],
    });
    expect(localhost).toBe('127.0.0.1');
  });
});

it('prod-us1 sees its own services, those of prod-apis and those of istio-system, but no mysql', async () => {
  const { sidecar, services } = await view(NAMESPACES_ONLY);
  expect(sidecar.kind).toBe('namespace');
  expect(short(services)).toEqual([TELE, 'ratings.prod-apis:9080', ...OF_PROD_US1]);
});

it('names the line of the pattern that lets a service in', async () => {
  const { services } = await view(NAMESPACES_ONLY);
  const text = [SERVICES, NAMESPACES_ONLY].join('\n---\n').split('\n');
  const lineOf = (pattern: string) => text.findIndex((line) => line.includes(`"${pattern}"`)) + 1;
  const ratings = services.find(({ service }) => service.name === 'ratings');
  expect(ratings?.reasons).toMatchObject([
    {
      listener: 0,
      pattern: { text: 'prod-apis/*', origin: { file: 'mesh.yaml', line: lineOf('prod-apis/*') } },
    },
  ]);
});

describe('with an HTTP listener on 9080 and an application on a Unix socket', () => {
  it('9080 has the services of prod-us1 only; the catch-all leaves that port alone', async () => {
    const { egress, services } = await view(UNIX_SOCKET);
    expect(egress.map(({ listener, services: exposed }) => [listener.kind, short(exposed)])).toEqual([
      ['port', ['productpage.prod-us1:9080', 'reviews.prod-us1:9080']],
      ['catch-all', [TELE]],
    ]);
    expect(egress.map(({ lockedPorts }) => lockedPorts)).toEqual([[], [9080]]);
    expect(short(services)).toEqual(['productpage.prod-us1:9080', 'reviews.prod-us1:9080', TELE]);
  });

  it('what arrives on 9080 goes to the socket', async () => {
    const { inbound } = await view(UNIX_SOCKET);
    expect(inbound).toMatchObject({
      kind: 'listeners',
      listeners: [
        {
          address: '172.16.1.32',
          hostname: 'productpage.prod-us1.svc.cluster.local',
          listener: {
            port: { number: 9080, name: 'somename', protocol: 'HTTP' },
            defaultEndpoint: { kind: 'unix', path: '/var/run/someuds.sock' },
          },
        },
      ],
    });
  });
});

it('without iptables: MySQL on 127.0.0.1:3306, and 9080 to the application on 8080', async () => {
  const { sidecar, egress, inbound } = await view(NAMESPACES_ONLY, NO_IPTABLES);
  expect(sidecar).toMatchObject({ kind: 'selector', sidecar: { name: 'no-ip-tables' } });
  expect(egress).toMatchObject([
    {
      listener: {
        kind: 'port',
        bind: '127.0.0.1',
        captureMode: 'NONE',
        port: { number: 3306, protocol: 'MySQL' },
      },
    },
  ]);
  expect(short(egress[0]?.services ?? [])).toEqual(['mysql.foo.com:3306']);
  expect(egress[0]?.services[0]?.service).toMatchObject({
    resolution: 'dns',
    external: true,
    endpoints: [{ kind: 'host', address: 'mysql.foo.com', ports: { mysql: 3306 } }],
  });
  expect(inbound).toMatchObject({
    listeners: [
      {
        listener: {
          captureMode: 'NONE',
          defaultEndpoint: { kind: 'loopback', address: '127.0.0.1', port: 8080 },
        },
      },
    ],
  });
});

it('with iptables for a part: a listener on an address of its own, under the name of the Sidecar', async () => {
  const { egress, inbound, services } = await view(PARTIAL_IPTABLES);
  expect(egress).toMatchObject([
    { listener: { kind: 'catch-all', captureMode: 'IPTABLES' }, lockedPorts: [] },
  ]);
  expect(services).toHaveLength(5);
  expect(inbound).toMatchObject({
    listeners: [{ address: '172.16.1.32', service: undefined, hostname: 'partial-ip-tables.prod-us1' }],
  });
});
