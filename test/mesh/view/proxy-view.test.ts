import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from '../../../src/mesh/model/defaults.ts';
import type { MeshModel } from '../../../src/mesh/model/mesh.ts';
import { ALL_EGRESS } from '../../../src/mesh/model/sidecar.ts';
import { findWorkload, proxyView } from '../../../src/mesh/view/proxy-view.ts';
import type { ExposedService, ProxyView } from '../../../src/mesh/view/view.ts';
import { service, sidecar, someServices, someSidecars, someWorkload, workload } from '../some-mesh.ts';

function viewOf(model: Partial<MeshModel>, seen = workload()): ProxyView {
  return proxyView({ services: [], workloads: [], sidecars: [], ...model }, DEFAULT_SETTINGS, seen);
}

const ports = ({ service: { namespace, hostname }, ports: exposed }: ExposedService) =>
  exposed.map(({ number }) => `${namespace}/${hostname}:${number}`);

describe('a hostname in several namespaces', () => {
  const own = service({ namespace: 'ns' });
  const kubernetes = service({ namespace: 'z', source: 'kubernetes' });
  const first = service({ namespace: 'a' });

  it.each([
    ['is that of the own namespace', [first, own, kubernetes], 'ns'],
    ['else that of a Kubernetes Service', [first, kubernetes], 'z'],
    ['else the first', [first, service({ namespace: 'b' })], 'a'],
  ])('%s, and the others are named', (_, services, winner) => {
    const { services: seen, notes } = viewOf({ services });
    expect(seen.map((each) => each.service.namespace)).toEqual([winner]);
    expect(notes).toHaveLength(services.length - 1);
  });

  it('is that of the first listener that has it', () => {
    const pattern = (namespace: string) => ({
      text: `${namespace}/*`,
      namespace,
      dnsName: '*',
      origin: undefined,
    });
    const common = { captureMode: 'DEFAULT', bind: undefined, origin: undefined } as const;
    const two = sidecar({
      egress: [
        { kind: 'port', port: { number: 80, name: '', protocol: 'HTTP' }, hosts: [pattern('a')], ...common },
        { kind: 'catch-all', hosts: [pattern('z')], ...common },
      ],
    });
    const { services } = viewOf({ services: [first, kubernetes], sidecars: [two] });
    expect(services.flatMap(ports)).toEqual(['a/a.b:80']);
  });
});

it('a listener for an HTTP proxy exposes every port', () => {
  const listener = {
    ...ALL_EGRESS,
    kind: 'port',
    bind: undefined,
    port: { number: 15_555, name: '', protocol: 'HTTP_PROXY' },
  } as const;
  const { services } = viewOf({
    services: [service({ numbers: [80, 443] })],
    sidecars: [sidecar({ egress: [listener] })],
  });
  expect(services.flatMap(ports)).toEqual(['ns/a.b:80', 'ns/a.b:443']);
});

it("takes the policy of the Sidecar, else the mesh's", () => {
  const strict = sidecar({ outboundTrafficPolicy: { mode: 'REGISTRY_ONLY', egressProxy: undefined } });
  expect(viewOf({ sidecars: [strict] }).outboundTrafficPolicy).toMatchObject({
    mode: 'REGISTRY_ONLY',
    origin: strict.origin,
  });
  expect(viewOf({ sidecars: [sidecar()] }).outboundTrafficPolicy).toMatchObject({
    mode: 'ALLOW_ANY',
    origin: undefined,
  });
});

describe('inbound', () => {
  const endpoint = {
    kind: 'ip',
    address: '10.0.0.1',
    ports: { p80: 8080 },
    namespace: 'ns',
    labels: {},
    workload: '',
    serviceAccount: '',
    locality: '',
    weight: 1,
    origin: { file: 'mesh.yaml', document: 1, line: 1 },
  } as const;

  it('has the ports of services with an endpoint at one of its addresses', () => {
    const { inbound } = viewOf({
      services: [service({ endpoints: [endpoint] }), service({ hostname: 'c.d' })],
    });
    expect(inbound).toMatchObject({ ports: [{ targetPort: 8080, service: { hostname: 'a.b' } }] });
  });

  it('goes by name where several workloads share an address', () => {
    const services = ['w', 'v'].map((name) =>
      service({ hostname: `${name}.x`, endpoints: [{ ...endpoint, workload: `ns/${name}` }] }),
    );
    expect(viewOf({ services }).inbound).toMatchObject({ ports: [{ service: { hostname: 'w.x' } }] });
  });

  it('of an ingress listener is at its own address, else at that of the workload', () => {
    const listener = (number: number, bind: string | undefined) => ({
      port: { number, name: '', protocol: 'HTTP' as const },
      bind,
      captureMode: 'DEFAULT' as const,
      defaultEndpoint: { kind: 'same-port' as const },
      origin: endpoint.origin,
    });
    const { inbound } = viewOf({
      services: [service({ endpoints: [endpoint] })],
      sidecars: [sidecar({ ingress: [listener(8080, undefined), listener(9090, '10.0.0.9')] })],
    });
    expect(inbound).toMatchObject({
      listeners: [
        { address: '10.0.0.1', hostname: 'a.b' },
        { address: '10.0.0.9', hostname: 'a.ns', service: undefined },
      ],
    });
  });
});

it.each([
  [['10.0.0.1', 'fd00::1'], '127.0.0.1'],
  [['fd00::1'], '::1'],
  [[], '127.0.0.1'],
])('a workload at %j has its application at %s', (addresses, localhost) => {
  expect(viewOf({}, workload({ addresses })).localhost).toBe(localhost);
});

it('finds a workload by name and namespace', () => {
  const model = { services: [], sidecars: [], workloads: [workload({ name: 'a.b', namespace: 'c' })] };
  expect(findWorkload(model, 'a.b.c')).toBe(model.workloads[0]);
  expect(findWorkload(model, 'a.b')).toBeUndefined();
});

describe('whatever the mesh', () => {
  const given = [someServices, someSidecars, someWorkload] as const;

  it('a Sidecar shows nothing that is not exported to the namespace', () => {
    fc.assert(
      fc.property(...given, (services, sidecars, seen) => {
        const everything = services
          .filter(
            ({ exportTo, namespace }) =>
              exportTo.includes('*') ||
              exportTo.includes(seen.namespace) ||
              (exportTo.includes('.') && namespace === seen.namespace),
          )
          .flatMap((one) => ports({ service: one, ports: one.ports, reasons: [] }));
        const view = viewOf({ services, sidecars }, seen);
        expect(everything).toEqual(expect.arrayContaining(view.services.flatMap(ports)));
      }),
    );
  });

  it('what a sidecar sees is a part of what it would see without a Sidecar', () => {
    fc.assert(
      fc.property(...given, (services, sidecars, seen) => {
        // Two services of one name are two answers to one question: which of them is seen may change.
        const names = new Map(services.map((one) => [one.hostname, one]));
        const distinct = [...names.values()];
        const under = viewOf({ services: distinct, sidecars }, seen).services.flatMap(ports);
        const without = viewOf({ services: distinct }, seen).services.flatMap(ports);
        expect(without).toEqual(expect.arrayContaining(under));
      }),
    );
  });

  it('clusters are the union of what listeners expose, each with a reason', () => {
    fc.assert(
      fc.property(...given, (services, sidecars, seen) => {
        const view = viewOf({ services, sidecars }, seen);
        const hostPorts = (exposed: readonly ExposedService[]) =>
          new Set(
            exposed.flatMap((one) => one.ports.map(({ number }) => `${one.service.hostname}:${number}`)),
          );
        const hostnames = view.services.map((one) => one.service.hostname);
        expect(new Set(hostnames).size).toBe(hostnames.length);
        const listed = hostPorts(view.egress.flatMap((one) => one.services));
        for (const one of hostPorts(view.services)) expect(listed).toContain(one);
        for (const { reasons } of view.services) expect(reasons.length).toBeGreaterThan(0);
      }),
    );
  });
});
