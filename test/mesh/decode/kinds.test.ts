import { describe, expect, it } from 'vitest';
import { lines, loadText, modelOf } from '../load-text.ts';

/** A text, and what is said of it: severity, place, field and a part of the message. */
type Row = readonly [name: string, text: string, ...findings: readonly string[]];

function table(rows: readonly Row[]): void {
  it.each(rows.map(([name, text, ...findings]) => ({ name, text, findings })))(
    '$name',
    async ({ text, findings }) => {
      const found = lines((await loadText({ 'a.yaml': text })).findings);
      expect(found).toHaveLength(findings.length);
      for (const [i, part] of findings.entries()) expect(found[i]).toContain(part);
    },
  );
}

describe('documents', () => {
  table([
    ['nothing', ''],
    ['comments only', '# a\n---\n# b\n'],
    ['text', 'hello', 'error: a.yaml:1: expected a resource with apiVersion, kind and metadata, got "hello"'],
    ['no kind', 'apiVersion: v1', 'error: a.yaml:1: kind: is required'],
    ['no apiVersion', 'kind: Service', 'error: a.yaml:1: apiVersion: is required'],
    [
      'broken YAML',
      'a: b\n---\na: [1\n',
      'error: a.yaml:1: kind: is required',
      'error: a.yaml:4 (document 2): not YAML: ',
    ],
    ['a key twice', 'kind: A\nkind: B\n', 'error: a.yaml:2: not YAML: Map keys must be unique'],
    [
      'no name',
      'apiVersion: v1\nkind: Pod\nstatus: {podIP: 10.0.0.1}',
      'error: a.yaml:1: Pod default/(no name): a name is required',
    ],
    [
      'a kind that is not supported, in the second document',
      '---\n# a\n---\napiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\nmetadata: {name: a, namespace: b}\n',
      'warning: a.yaml:5 (document 2): VirtualService b/a: kind: VirtualService (networking.istio.io/v1alpha3) is not supported, ignored',
    ],
    [
      "somebody else's Service",
      'apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}',
      'warning: a.yaml:2: Service default/a: kind: Service (serving.knative.dev/v1) is not supported',
    ],
    [
      'what makes Pods',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}',
      'is not supported, ignored: endpoints come from Pod',
    ],
  ]);

  it.each([
    ['brackets without end', '['.repeat(20_000)],
    ['mappings in mappings', `${'a: {'.repeat(5_000)}${'}'.repeat(5_000)}`],
    ['blocks in blocks', Array.from({ length: 2_000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
    [
      'laughs by the billion',
      `a: &a [x]\n${[...'bcdefghijklmn'].map((name, i) => `${name}: &${name} [${`*${'abcdefghijklmn'[i]},`.repeat(9)}]`).join('\n')}`,
    ],
    ['bytes', '\u0000\u0001\ufffe'],
  ])('%s end nothing but the loading', async (_, text) => {
    const { broken, findings } = await loadText({ 'a.yaml': text });
    expect(broken).toBe(true);
    expect(findings[0]?.origin).toMatchObject({ file: 'a.yaml', document: 1 });
  });

  it('may be lists, of whatever kind, with the line of each item', async () => {
    const text = `apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a}
  status: {podIP: 10.0.0.1}
- apiVersion: v1
  kind: PodList
  items:
  - metadata: {name: b}
    status: {podIP: nowhere}
`;
    const { model, findings } = await loadText({ 'a.yaml': text });
    expect(model.workloads.map(({ name, origin }) => [name, origin.line])).toEqual([['a', 6]]);
    expect(lines(findings)).toEqual([
      'error: a.yaml:12: Pod default/b: status.podIP: "nowhere": expected an IP address',
    ]);
  });
});

describe('Service', () => {
  const service = (spec: string) =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: n}\nspec: ${spec}`;
  table([
    ['no spec', service(''), 'spec: is required'],
    [
      'no ports',
      service('{clusterIP: 10.0.0.1}'),
      'error: a.yaml:4: Service n/a: spec.ports: at least one port is required',
    ],
    [
      'two ports, one without a name',
      service('{ports: [{port: 1}, {port: 2, name: b}]}'),
      'spec.ports[0]: a name is required',
    ],
    [
      'a name twice',
      service('{ports: [{port: 1, name: b}, {port: 2, name: b}]}'),
      'spec.ports[1].name: "b": another port',
    ],
    [
      'a port twice',
      service('{ports: [{port: 1, name: a}, {port: 1, name: b}]}'),
      'spec.ports[1].port: "1": is listed twice',
    ],
    ['a port for TCP and UDP', service('{ports: [{port: 53, name: a}, {port: 53, name: b, protocol: UDP}]}')],
    [
      'a port in quotes, which Kubernetes refuses',
      service('{ports: [{port: "80"}]}'),
      'spec.ports[0].port: expected a whole number, got "80"',
    ],
    [
      'SCTP',
      service('{ports: [{port: 1, protocol: SCTP}]}'),
      'warning: a.yaml:4: Service n/a: spec.ports[0].protocol: "SCTP"',
    ],
    [
      'an address that is none',
      service('{clusterIP: here, ports: [{port: 1}]}'),
      'spec.clusterIP: "here": expected an IP address or "None"',
    ],
    [
      'a sticky session',
      service('{sessionAffinity: ClientIP, ports: [{port: 1}]}'),
      'warning: a.yaml:4: Service n/a: spec.sessionAffinity: "ClientIP" is not supported, taken as None',
    ],
    [
      'ExternalName without a name',
      service('{type: ExternalName}'),
      'spec.externalName: a DNS name is required',
    ],
    [
      'an unknown field',
      service('{ports: [{port: 1}], topologyKeys: [a]}'),
      'warning: a.yaml:4: Service n/a: spec.topologyKeys: is not supported, ignored',
    ],
  ]);

  it.each([
    ['{clusterIP: None, ports: [{port: 80}]}', { headless: true, resolution: 'none', addresses: [] }],
    ['{ports: [{port: 80}]}', { headless: false, resolution: 'static', addresses: [] }],
    [
      '{clusterIPs: [10.0.0.1, "FD00::1"], clusterIP: 10.0.0.1, ports: [{port: 80}]}',
      { addresses: ['10.0.0.1', 'fd00::1'] },
    ],
    [
      '{type: ExternalName, externalName: api.foo.com, ports: [{port: 80, targetPort: 1}]}',
      {
        resolution: 'dns',
        external: true,
        endpoints: [{ kind: 'host', address: 'api.foo.com', ports: { '': 80 } }],
      },
    ],
  ])('%s', async (spec, expected) => {
    expect((await modelOf(service(spec))).services).toMatchObject([
      { hostname: 'a.n.svc.cluster.local', exportTo: ['*'], ...expected },
    ]);
  });

  it('says to whom it is exported in an annotation', async () => {
    const text = service('{ports: [{port: 80}]}').replace(
      '{name',
      '{annotations: {networking.istio.io/exportTo: "., b"}, name',
    );
    expect((await modelOf(text)).services[0]?.exportTo).toEqual(['.', 'b']);
  });
});

describe('ServiceEntry', () => {
  const entry = (spec: string) =>
    `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e, namespace: n}\nspec: ${spec}`;
  const ports = 'ports: [{number: 80, name: http, protocol: HTTP}]';
  const tcp = 'ports: [{number: 80, name: a, protocol: TCP}]';
  table([
    ['resolution NONE, which is the default', entry(`{hosts: ["*.a.b"], ${ports}}`)],
    ['no host', entry(`{hosts: [], ${ports}}`), 'spec.hosts: at least one host is required'],
    ['every host', entry(`{hosts: ["*"], ${ports}}`), 'spec.hosts[0]: "*": it would be every host'],
    ['no port', entry('{hosts: [a.b]}'), 'spec.ports: at least one port is required'],
    [
      'a port without a name',
      entry('{hosts: [a.b], ports: [{number: 1}]}'),
      'spec.ports[0].name: a name is required',
    ],
    [
      'a port twice',
      entry('{hosts: [a.b], ports: [{number: 1, name: a}, {number: 1, name: a}]}'),
      'spec.ports[1].name: "a": another port',
      'spec.ports[1].number: "1": is listed twice',
    ],
    [
      'an unknown protocol',
      entry('{hosts: [a.b], ports: [{number: 1, name: a, protocol: X}]}'),
      'spec.ports[0].protocol: "X": expected one of',
    ],
    [
      'a range with DNS',
      entry(`{hosts: [a.b], addresses: [10.0.0.0/8], resolution: DNS, ${ports}}`),
      'spec.addresses[0]: "10.0.0.0/8": a range goes with',
    ],
    [
      'an address that is none',
      entry(`{hosts: [a.b], addresses: [10.0.0.0/33], ${ports}}`),
      'spec.addresses[0]: "10.0.0.0/33": expected an IP address or a range',
    ],
    [
      'NONE with endpoints',
      entry(`{hosts: [a.b], endpoints: [{address: 1.1.1.1}], ${ports}}`),
      'spec.endpoints: resolution NONE',
    ],
    [
      'STATIC with a name',
      entry(`{hosts: [a.b], resolution: STATIC, endpoints: [{address: c.d}], ${ports}}`),
      'spec.endpoints[0].address: "c.d": resolution STATIC needs IP addresses',
    ],
    [
      'STATIC without endpoints',
      entry(`{hosts: [a.b], resolution: STATIC, ${ports}}`),
      'warning: a.yaml:4: ServiceEntry n/e: spec: resolution STATIC without endpoints',
    ],
    [
      'DNS of a wildcard',
      entry(`{hosts: ["*.a.b"], resolution: DNS, ${ports}}`),
      'spec.hosts: "*.a.b": resolution DNS needs endpoints',
    ],
    [
      'DNS with a socket',
      entry(`{hosts: [a.b], resolution: DNS, endpoints: [{address: "unix:///a"}], ${ports}}`),
      'resolution DNS needs names or IP addresses',
    ],
    [
      'a socket with ports',
      entry(
        `{hosts: [a.b], resolution: STATIC, endpoints: [{address: "unix:///a", ports: {http: 1}}], ${ports}}`,
      ),
      'spec.endpoints[0].ports: a Unix socket has no ports',
    ],
    [
      'a socket for two ports',
      entry(
        '{hosts: [a.b], resolution: STATIC, endpoints: [{address: "unix:///a"}], ports: [{number: 1, name: a}, {number: 2, name: b}]}',
      ),
      'a Unix socket serves one port, the service has 2',
    ],
    [
      'a port that the service has not',
      entry(`{hosts: [a.b], resolution: STATIC, endpoints: [{address: 1.1.1.1, ports: {x: 1}}], ${ports}}`),
      'spec.endpoints[0].ports.x: the service has no port of the name "x"',
    ],
    [
      'TCP for several hosts',
      entry(`{hosts: [a.b, c.d], resolution: DNS, ${tcp}}`),
      'spec.hosts: several hosts without addresses',
    ],
    [
      'endpoints and a selector',
      entry(
        `{hosts: [a.b], resolution: STATIC, endpoints: [{address: 1.1.1.1}], workloadSelector: {labels: {a: b}}, ${ports}}`,
      ),
      'spec.workloadSelector: endpoints are listed too',
    ],
    [
      'round robin over DNS',
      entry(`{hosts: [a.b], resolution: DNS_ROUND_ROBIN, ${ports}}`),
      'warning: a.yaml:4: ServiceEntry n/e: spec.resolution: DNS_ROUND_ROBIN',
    ],
    [
      'an unknown field',
      entry(`{hosts: [a.b], subjectAltNames: [a], ${ports}}`),
      'warning: a.yaml:4: ServiceEntry n/e: spec.subjectAltNames: is not supported',
    ],
    [
      'a namespace that is none',
      entry(`{hosts: [a.b], exportTo: ["a b"], ${ports}}`),
      'spec.exportTo: "a b": expected',
    ],
  ]);

  it('has a service for each host, with the ports of its endpoints', async () => {
    const text = entry(`{hosts: [a.b, c.d], resolution: STATIC, location: MESH_INTERNAL, exportTo: ["."],
      addresses: [10.0.0.1/32, 10.1.0.0/16], ports: [{number: 80, name: http, protocol: http, targetPort: 8080}],
      endpoints: [{address: 1.1.1.2, ports: {http: 81}}, {address: 1.1.1.1, weight: 3}]}`);
    const service = {
      namespace: 'n',
      addresses: ['10.0.0.1', '10.1.0.0/16'],
      external: false,
      exportTo: ['.'],
      ports: [{ protocol: 'HTTP', targetPort: 8080 }],
      endpoints: [
        { address: '1.1.1.2', ports: { http: 81 }, weight: 1 },
        { address: '1.1.1.1', ports: { http: 8080 }, weight: 3 },
      ],
    };
    expect((await modelOf(text)).services).toMatchObject([
      { hostname: 'a.b', ...service },
      { hostname: 'c.d', ...service },
    ]);
  });

  it('goes to a Unix socket', async () => {
    const text = entry(`{hosts: [a.b], resolution: STATIC, endpoints: [{address: "unix:///a"}], ${tcp}}`);
    expect((await modelOf(text)).services[0]?.endpoints).toMatchObject([
      { kind: 'unix', address: '/a', ports: { a: 0 } },
    ]);
  });
});
