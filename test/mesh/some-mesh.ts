/** Meshes as plain data: by hand, and by chance. */
import fc from 'fast-check';
import type { Service } from '../../src/mesh/model/service.ts';
import { ALL_EGRESS, type EgressListener, type SidecarSpec } from '../../src/mesh/model/sidecar.ts';
import type { Workload } from '../../src/mesh/model/workload.ts';

const origin = { file: 'mesh.yaml', document: 1, line: 1 };

export function service(parts: Partial<Service> & { readonly numbers?: readonly number[] } = {}): Service {
  const { numbers = [80], ...more } = parts;
  return {
    hostname: 'a.b',
    namespace: 'ns',
    source: 'service-entry',
    name: more.hostname ?? 'a',
    addresses: [],
    ports: numbers.map((number) => ({
      name: `p${number}`,
      number,
      protocol: 'HTTP',
      targetPort: number,
      origin,
    })),
    resolution: 'static',
    headless: false,
    external: false,
    exportTo: ['*'],
    endpoints: [],
    created: '',
    origin,
    ...more,
  };
}

export function sidecar(parts: Partial<SidecarSpec> = {}): SidecarSpec {
  return {
    name: 'a',
    namespace: 'ns',
    selector: undefined,
    ingress: [],
    egress: [ALL_EGRESS],
    outboundTrafficPolicy: undefined,
    created: '',
    origin,
    ...parts,
  };
}

export function workload(parts: Partial<Workload> = {}): Workload {
  return {
    kind: 'pod',
    name: 'w',
    namespace: 'ns',
    addresses: ['10.0.0.1'],
    labels: {},
    ports: [],
    serviceAccount: 'default',
    locality: '',
    weight: 1,
    origin,
    ...parts,
  };
}

export const NAMESPACES = ['ns', 'other', 'istio-system'] as const;
const namespace = fc.constantFrom(...NAMESPACES);
const hostnames = ['a.x', 'b.x', 'a.y', '*.x', 'a.b.x', 'c'];
export const labels = fc.dictionary(fc.constantFrom('app', 'version'), fc.constantFrom('1', '2'));
const created = fc.constantFrom('', '2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z');
const numbers = fc.uniqueArray(fc.constantFrom(80, 443, 3306), { minLength: 1 });

/** Services of which each is the only one with its hostname in its namespace. */
export const someServices = fc
  .uniqueArray(
    fc.record({
      hostname: fc.constantFrom(...hostnames),
      namespace,
      numbers,
      created,
      source: fc.constantFrom('kubernetes' as const, 'service-entry' as const),
      exportTo: fc.constantFrom(['*'], ['.'], ['other'], ['~']),
    }),
    { selector: (one) => `${one.namespace}/${one.hostname}`, maxLength: 8 },
  )
  .map((list) => list.map(service));

const pattern = fc
  .tuple(fc.constantFrom('.', '*', '~', ...NAMESPACES), fc.constantFrom('*', '*.x', 'a.x', 'c.x', '*.b.x'))
  .map(([of, dnsName]) => ({ text: `${of}/${dnsName}`, namespace: of, dnsName, origin }));
const hosts = fc.array(pattern, { minLength: 1, maxLength: 3 });

/** Egress as validation lets it through: each port once, the catch-all last. */
const someEgress = fc
  .record({
    ports: fc.uniqueArray(fc.constantFrom(80, 443, 3306), { maxLength: 2 }),
    hosts: fc.array(hosts, { minLength: 3, maxLength: 3 }),
    catchAll: fc.boolean(),
  })
  .map(({ ports, hosts: lists, catchAll }): readonly EgressListener[] => {
    const common = { captureMode: 'DEFAULT', bind: undefined, origin } as const;
    const listeners = ports.map(
      (number, i): EgressListener => ({
        kind: 'port',
        port: { number, name: '', protocol: 'auto' },
        hosts: lists[i] ?? [],
        ...common,
      }),
    );
    const last: EgressListener = { kind: 'catch-all', hosts: lists[2] ?? [], ...common };
    return catchAll || listeners.length === 0 ? [...listeners, last] : listeners;
  });

export const someSidecars = fc.uniqueArray(
  fc
    .record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      namespace,
      selector: fc.option(labels, { nil: undefined }),
      egress: someEgress,
      created,
    })
    .map(sidecar),
  { selector: (one) => `${one.namespace}/${one.name}`, maxLength: 6 },
);

export const someWorkload = fc.record({ namespace, labels }).map(workload);
