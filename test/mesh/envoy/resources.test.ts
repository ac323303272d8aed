import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Listener } from '../../../src/mesh/envoy/api.ts';
import type { ProxySettings } from '../../../src/mesh/envoy/proxy-settings.ts';
import { type Resources, resourcesFor } from '../../../src/mesh/envoy/resources.ts';
import { ALL_EGRESS } from '../../../src/mesh/model/sidecar.ts';
import { findWorkload, proxyView } from '../../../src/mesh/view/proxy-view.ts';
import { modelOf } from '../load-text.ts';
import { NAMESPACES_ONLY, NO_IPTABLES, PARTIAL_IPTABLES, SERVICES, UNIX_SOCKET } from '../seed.ts';
import { service, sidecar, someServices, someSidecars, someWorkload, workload } from '../some-mesh.ts';
import { EVERY_SERVICE } from './every-shape.ts';
import { proxySettings } from './proxy-settings.ts';

async function resources(texts: readonly string[], change: Partial<ProxySettings> = {}): Promise<Resources> {
  const settings = proxySettings(change);
  const model = await modelOf(SERVICES, ...texts);
  const workload = findWorkload(model, 'productpage-v1.prod-us1');
  if (workload === undefined) throw new Error('the seed has no productpage');
  return resourcesFor(proxyView(model, settings, workload), settings);
}

const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
const outbound = ({ listeners }: Resources) =>
  names(listeners.filter((each) => each.traffic_direction === 'OUTBOUND' && each.name !== 'virtualOutbound'));
const clustersFor = ({ clusters }: Resources, start: string) =>
  names(clusters).filter((name) => name.startsWith(start));

function listener({ listeners }: Resources, name: string): Listener {
  const found = listeners.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no listener ${name} among ${names(listeners).join(', ')}`);
  return found;
}

/** `name -> cluster` of the chains that hand connections on byte for byte. */
function tcpChains({ filter_chains = [], default_filter_chain }: Listener): readonly string[] {
  const all = default_filter_chain === undefined ? filter_chains : [...filter_chains, default_filter_chain];
  return all.flatMap(({ name, filters }) => {
    const cluster = filters.at(-1)?.typed_config['cluster'];
    return typeof cluster === 'string' ? [`${name} -> ${cluster}`] : [];
  });
}

/** The domains of each virtual host of a route. */
function domains({ routes }: Resources, route: string): Readonly<Record<string, readonly string[]>> {
  const hosts = routes.find(({ name }) => name === route)?.virtual_hosts ?? [];
  return Object.fromEntries(hosts.map(({ name, domains: list }) => [name, list]));
}

describe("the seed's examples", () => {
  const ALL = [
    '0.0.0.0_9080',
    '0.0.0.0_8888',
    '0.0.0.0_3306',
    '10.96.0.2_7000',
    '10.96.0.2_7443',
    '10.96.0.2_7001',
  ];

  it('without a Sidecar there is a listener for each port or address of what is visible', async () => {
    const made = await resources([]);
    expect(outbound(made).toSorted()).toEqual(ALL.toSorted());
    expect(clustersFor(made, 'outbound|')).toHaveLength(9);
    expect(clustersFor(made, 'inbound|')).toEqual(['inbound|9080||']);
    expect(names(made.listeners).slice(-2)).toEqual(['virtualOutbound', 'virtualInbound']);
  });

  it('three namespaces: no mysql', async () => {
    const made = await resources([NAMESPACES_ONLY]);
    expect(outbound(made).toSorted()).toEqual(ALL.filter((name) => !name.endsWith('_3306')).toSorted());
    expect(clustersFor(made, 'outbound|3306')).toEqual([]);
  });

  it('a listener of its own for 9080, which the catch-all adds nothing to; the application on a Unix socket', async () => {
    const made = await resources([UNIX_SOCKET], { routesIn: 'rds' });
    expect(outbound(made)).toEqual(['0.0.0.0_9080', '0.0.0.0_8888']);
    expect(Object.keys(domains(made, '9080'))).toEqual([
      'productpage.prod-us1.svc.cluster.local:9080',
      'reviews.prod-us1.svc.cluster.local:9080',
      'allow_any',
    ]);
    expect(clustersFor(made, 'outbound|9080||tele')).toEqual([
      'outbound|9080||tele.istio-system.svc.cluster.local',
    ]);
    expect(made.clusters.find(({ name }) => name === 'inbound|9080||')?.load_assignment).toMatchObject({
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: '/var/run/someuds.sock' } } } }] }],
    });
  });

  it('without iptables: sockets of its own', async () => {
    const made = await resources([NAMESPACES_ONLY, NO_IPTABLES]);
    expect(outbound(made)).toEqual(['127.0.0.1_3306']);
    expect(listener(made, '127.0.0.1_3306').bind_to_port).toBeUndefined();
    expect(tcpChains(listener(made, '127.0.0.1_3306'))).toEqual([
      '127.0.0.1_3306 -> outbound|3306||mysql.foo.com',
    ]);
    expect(listener(made, '172.16.1.32_9080')).toMatchObject({
      traffic_direction: 'INBOUND',
      address: { socket_address: { address: '172.16.1.32', port_value: 9080 } },
    });
  });

  it('iptables for a part: an inbound listener of its own beside all that is captured', async () => {
    const made = await resources([PARTIAL_IPTABLES]);
    expect(outbound(made).toSorted()).toEqual(ALL.toSorted());
    expect(listener(made, '172.16.1.32_80').bind_to_port).toBeUndefined();
    expect(clustersFor(made, 'inbound|')).toEqual(['inbound|80||']);
  });

  it('that capture nothing have everything on loopback, and no virtual listener', async () => {
    const made = await resources([], { interception: 'NONE' });
    expect(names(made.listeners).toSorted()).toEqual(
      [3306, 7000, 7001, 7443, 8888, 9080].map((port) => `127.0.0.1_${port}`),
    );
    expect(clustersFor(made, 'inbound|')).toEqual([]);
    expect(clustersFor(made, 'InboundPassthroughCluster')).toEqual([]);
  });
});

describe('names of a service', () => {
  it('are short in its own namespace, and with the namespace from others', async () => {
    const made = await resources([], { routesIn: 'rds' });
    const {
      'reviews.prod-us1.svc.cluster.local:9080': own,
      'tele.istio-system.svc.cluster.local:9080': other,
    } = domains(made, '9080');
    expect(own).toEqual([
      'reviews.prod-us1.svc.cluster.local',
      'reviews',
      'reviews.prod-us1',
      'reviews.prod-us1.svc',
      'reviews.prod-us1.svc.cluster.local.',
      '10.96.0.2',
    ]);
    expect(other).not.toContain('tele');
    expect(other).toContain('tele.istio-system');
    expect(made.routes.find(({ name }) => name === '9080')?.ignore_port_in_host_matching).toBe(true);
  });

  it('that two services claim go to the one whose hostname it is, else to the first', async () => {
    const made = await resources([EVERY_SERVICE], { routesIn: 'rds' });
    const hosts = domains(made, '9080');
    expect(hosts['reviews.prod-us1:9080']).toContain('reviews.prod-us1');
    expect(hosts['reviews.prod-us1.svc.cluster.local:9080']).not.toContain('reviews.prod-us1');
  });
});

describe('what is for nobody', () => {
  it('is passed on under ALLOW_ANY, and goes nowhere under REGISTRY_ONLY', async () => {
    const last = (made: Resources) => made.routes.find(({ name }) => name === '9080')?.virtual_hosts.at(-1);
    const open = await resources([], { routesIn: 'rds' });
    expect(last(open)).toMatchObject({
      name: 'allow_any',
      routes: [{ route: { cluster: 'PassthroughCluster' } }],
    });
    expect(tcpChains(listener(open, 'virtualOutbound'))).toContain(
      'virtualOutbound-catchall-tcp -> PassthroughCluster',
    );
    const closed = await resources([], { routesIn: 'rds', outboundTrafficPolicy: 'REGISTRY_ONLY' });
    expect(last(closed)).toMatchObject({ name: 'block_all', routes: [{ direct_response: { status: 502 } }] });
    expect(tcpChains(listener(closed, 'virtualOutbound'))).toContain(
      'virtualOutbound-catchall-tcp -> BlackHoleCluster',
    );
  });

  it('goes to the proxy that the Sidecar names', async () => {
    const made = await resources([EVERY_SERVICE]);
    expect(tcpChains(listener(made, 'virtualOutbound'))).toContain(
      'virtualOutbound-catchall-tcp -> outbound|3128||proxy.example.com',
    );
  });

  it('never comes back to Envoy: its own ports and its own address lead nowhere', async () => {
    const made = await resources([]);
    for (const name of ['virtualOutbound', 'virtualInbound', '0.0.0.0_9080']) {
      expect(
        tcpChains(listener(made, name)).filter((chain) => chain.endsWith('BlackHoleCluster')),
      ).not.toEqual([]);
    }
  });
});

it('leaves out the listeners that its user may not have, and says so', async () => {
  const made = await resources([NO_IPTABLES, NAMESPACES_ONLY], { lowestPort: 9_080 });
  expect(outbound(made)).toEqual([]);
  expect(names(made.listeners)).toContain('172.16.1.32_9080');
  expect(made.notes).toEqual([
    expect.stringMatching(/^listener 127\.0\.0\.1_3306 is left out: .* below 9080/),
  ]);
  // What is captured has no socket.
  expect((await resources([], { lowestPort: 65_000 })).notes).toEqual([]);
});

it('gives each prefix of a listener to one service, and keeps the others', () => {
  const origin = { file: 'a', document: 1, line: 1 };
  const port = { name: 'tcp', number: 5432, protocol: 'TCP', targetPort: 5432, origin } as const;
  const services = [
    service({ hostname: 'a.x', ports: [port], addresses: ['10.1.0.0/16', '10.2.0.0/16'] }),
    service({ hostname: 'b.x', ports: [port], addresses: ['10.2.0.0/16', '10.3.0.0/16'] }),
  ];
  const view = proxyView({ services, sidecars: [], workloads: [] }, proxySettings(), workload());
  const made = resourcesFor(view, proxySettings());
  const prefixes = listener(made, '0.0.0.0_5432').filter_chains?.map(({ filter_chain_match }) =>
    filter_chain_match?.prefix_ranges?.map(({ address_prefix }) => address_prefix),
  );
  expect(prefixes).toEqual([['10.0.0.1'], ['10.1.0.0', '10.2.0.0'], ['10.3.0.0']]);
  expect(made.notes).toHaveLength(1);
});

it('knows the endpoints of a headless service where nothing is redirected', async () => {
  const type = ({ clusters }: Resources) =>
    clusters.find(({ name }) => name === 'outbound|7101||headless.prod-us1.svc.cluster.local')?.type;
  expect(type(await resources([EVERY_SERVICE]))).toBe('ORIGINAL_DST');
  expect(type(await resources([EVERY_SERVICE], { interception: 'NONE' }))).toBe('STATIC');
});

it('says which service is left out where nothing tells two apart', () => {
  const two = ['a.x', 'b.x'].map((hostname) =>
    service({
      hostname,
      ports: [
        {
          name: 'tcp',
          number: 5432,
          protocol: 'TCP',
          targetPort: 5432,
          origin: { file: 'a', document: 1, line: 1 },
        },
      ],
    }),
  );
  const settings = proxySettings();
  const model = { services: two, sidecars: [], workloads: [] };
  const view = proxyView(model, settings, workload());
  const made = resourcesFor(view, settings);
  expect(made.notes).toEqual([expect.stringMatching(/^0\.0\.0\.0_5432 is for a\.x already: .*b\.x:5432/)]);
});

it('traces to Zipkin, a service of the mesh or not, and writes an access log', async () => {
  const tracing = { kind: 'zipkin', host: 'tele.istio-system', port: 8888, sampling: 10 } as const;
  const inMesh = JSON.stringify(await resources([], { tracing }));
  expect(inMesh).toContain('"collector_cluster":"outbound|8888||tele.istio-system.svc.cluster.local"');
  const made = await resources([], {
    tracing: { ...tracing, host: '192.0.2.9', port: 9411 },
    accessLog: { kind: 'file', path: '/dev/stdout', encoding: 'TEXT', format: '%PROTOCOL%' },
  });
  expect(names(made.clusters)).toContain('zipkin|9411||192.0.2.9');
  expect(JSON.stringify(made)).toContain('"text_format_source":{"inline_string":"%PROTOCOL%\\n"}');
});

it('has with endpoints in files the same resources, and no endpoint in a cluster', async () => {
  const [whole, split] = [await resources([]), await resources([], { routesIn: 'rds', endpointsIn: 'eds' })];
  expect(names(split.clusters)).toEqual(names(whole.clusters));
  expect(split.endpoints.map(({ cluster_name }) => cluster_name)).toEqual(
    split.clusters.filter(({ type }) => type === 'EDS').map(({ name }) => name),
  );
  expect(
    split.clusters.every((cluster) => cluster.type !== 'EDS' || cluster.load_assignment === undefined),
  ).toBe(true);
  expect([whole.routes, whole.endpoints]).toEqual([[], []]);
});

describe('whatever the mesh', () => {
  const captured = proxySettings({ routesIn: 'rds', endpointsIn: 'eds' });
  const mode = fc.constantFrom('REDIRECT' as const, 'TPROXY' as const, 'NONE' as const);

  /** Where a hostname is in several namespaces, a Sidecar may let in the one that loses without it. */
  const ofOneNamespace = someServices.map((services) =>
    services.filter(({ hostname }, at) => services.findIndex((each) => each.hostname === hostname) === at),
  );

  it('a Sidecar never gives a cluster that its workload would not have without one', () => {
    fc.assert(
      fc.property(
        ofOneNamespace,
        someSidecars,
        someWorkload,
        mode,
        (services, sidecars, workload, interception) => {
          const settings = { ...captured, interception };
          const made = resourcesFor(
            proxyView({ services, sidecars, workloads: [] }, settings, workload),
            settings,
          );
          const all = resourcesFor(
            proxyView({ services, sidecars: [], workloads: [] }, settings, workload),
            settings,
          );
          const allowed = new Map(all.clusters.map((cluster) => [cluster.name, JSON.stringify(cluster)]));
          const others = made.clusters.filter((each) => allowed.get(each.name) !== JSON.stringify(each));
          expect(others).toEqual([]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('a Sidecar of everything is as good as none', () => {
    fc.assert(
      fc.property(someServices, someWorkload, mode, (services, workload, interception) => {
        const settings = { ...captured, interception };
        const open = sidecar({ namespace: workload.namespace, egress: [ALL_EGRESS] });
        const of = (sidecars: readonly (typeof open)[]) =>
          resourcesFor(proxyView({ services, sidecars, workloads: [] }, settings, workload), settings);
        expect(of([open])).toEqual(of([]));
      }),
    );
  });

  it('no name is there twice, no route has a domain twice, and every route leads to a cluster', () => {
    fc.assert(
      fc.property(
        someServices,
        someSidecars,
        someWorkload,
        mode,
        (services, sidecars, workload, interception) => {
          const settings = { ...captured, interception };
          const made = resourcesFor(
            proxyView({ services, sidecars, workloads: [] }, settings, workload),
            settings,
          );
          for (const list of [names(made.listeners), names(made.clusters), names(made.routes)]) {
            expect(list).toEqual([...new Set(list)]);
          }
          const clusters = new Set(names(made.clusters));
          for (const { virtual_hosts } of made.routes) {
            const all = virtual_hosts.flatMap((host) => host.domains);
            expect(all).toEqual([...new Set(all)]);
          }
          const used = [...JSON.stringify(made).matchAll(/"cluster":"([^"]+)"/g)].map(
            ([, name = '']) => name,
          );
          expect(used.filter((name) => !clusters.has(name))).toEqual([]);
        },
      ),
    );
  });
});
