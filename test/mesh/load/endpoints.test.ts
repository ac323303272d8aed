import { describe, expect, it } from 'vitest';
import { lines, loadText, modelOf } from '../load-text.ts';

const service = (spec: string) => `apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: n}
spec: {${spec}}`;
const PORTS = 'ports: [{name: http, port: 80, targetPort: web}, {name: admin, port: 81, targetPort: 8081}]';
const SELECTING = service(`selector: {app: reviews}, ${PORTS}`);

interface PodParts {
  readonly labels?: string;
  readonly namespace?: string;
  readonly status?: string;
}

function pod(
  name: string,
  ip: string,
  { labels = '{app: reviews}', namespace = 'n', status = '' }: PodParts = {},
): string {
  return `apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: ${namespace}, labels: ${labels}}
spec:
  serviceAccountName: bookinfo
  containers: [{name: a, ports: [{name: web, containerPort: 8080}]}]
status: {podIP: ${ip}${status}}`;
}

async function endpointsIn(...texts: readonly string[]) {
  const { services } = await modelOf(...texts);
  return services.find(({ name }) => name === 'reviews')?.endpoints ?? [];
}

describe('where none are listed', () => {
  it('the Pods that a Service selects are its endpoints, with the ports of their containers', async () => {
    const found = await endpointsIn(SELECTING, pod('b', '10.0.0.2'), pod('a', '10.0.0.1'));
    const common = {
      kind: 'ip',
      ports: { http: 8080, admin: 8081 },
      serviceAccount: 'bookinfo',
      labels: { app: 'reviews' },
    };
    expect(found).toMatchObject([
      { address: '10.0.0.1', workload: 'n/a', ...common },
      { address: '10.0.0.2', workload: 'n/b', ...common },
    ]);
  });

  it.each([
    ['with other labels', pod('a', '10.0.0.1', { labels: '{app: ratings}' })],
    ['of another namespace', pod('a', '10.0.0.1', { namespace: 'm' })],
    ['without an address yet', pod('a', '""', { status: ', phase: Pending' })],
    ['that is not ready', pod('a', '10.0.0.1', { status: ', conditions: [{type: Ready, status: "False"}]' })],
    ['that is done', pod('a', '10.0.0.1', { status: ', phase: Succeeded' })],
  ])('a Pod %s is none', async (_, text) => {
    expect(await endpointsIn(SELECTING, text)).toEqual([]);
  });

  it('a port that the Pod does not have is not served', async () => {
    const nameless = pod('a', '10.0.0.1').replace('name: web, ', '');
    expect(await endpointsIn(SELECTING, nameless)).toMatchObject([{ ports: { admin: 8081 } }]);
  });

  it('WorkloadEntries are endpoints too, of Services and of ServiceEntries', async () => {
    const workload = `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: vm, namespace: n}
spec: {address: 10.1.0.1, labels: {app: reviews}, ports: {http: 9090, web: 9091}, weight: 2, locality: a/b/c, serviceAccount: vm}`;
    const entry = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: e, namespace: n}
spec: {hosts: [vm.example], resolution: STATIC, workloadSelector: {labels: {app: reviews}}, ports: [{number: 80, name: http, targetPort: 1}]}`;
    const { services } = await modelOf(SELECTING, workload, entry);
    const common = {
      address: '10.1.0.1',
      weight: 2,
      locality: 'a/b/c',
      serviceAccount: 'vm',
      workload: 'n/vm',
    };
    expect(services.map(({ hostname, endpoints }) => [hostname, endpoints])).toMatchObject([
      ['reviews.n.svc.cluster.local', [{ ports: { http: 9090, admin: 8081 }, ...common }]],
      ['vm.example', [{ ports: { http: 9090 }, ...common }]],
    ]);
  });

  it('a WorkloadEntry with a DNS name is none of a Service, and that is said', async () => {
    const workload =
      'apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: vm, namespace: n}\nspec: {address: vm.example, labels: {app: reviews}}';
    const { model, findings } = await loadText({ 'a.yaml': SELECTING, 'b.yaml': workload });
    expect(model.services[0]?.endpoints).toEqual([]);
    expect(lines(findings)).toEqual([
      'warning: b.yaml:3: WorkloadEntry n/vm: spec.address: "vm.example": resolution STATIC of reviews.n.svc.cluster.local has no use for it, left out',
    ]);
  });
});

describe('where they are listed', () => {
  const ONE_PORT = service('selector: {app: reviews}, ports: [{name: http, port: 80}]');
  const endpoints = (subsets: string) => `apiVersion: v1
kind: Endpoints
metadata: {name: reviews, namespace: n}
subsets: ${subsets}`;
  const slice = (name: string, parts: string) => `apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}, namespace: n, labels: {kubernetes.io/service-name: reviews}}
${parts}`;
  const LISTED = endpoints(
    '[{addresses: [{ip: 10.0.0.9}], notReadyAddresses: [{ip: 10.0.0.8}], ports: [{name: http, port: 8080}]}]',
  );

  it('the list counts, and not the Pods', async () => {
    const found = await endpointsIn(ONE_PORT, LISTED, pod('a', '10.0.0.1'));
    expect(found.map(({ address, ports }) => [address, ports])).toEqual([['10.0.0.9', { http: 8080 }]]);
  });

  it('what is not ready is there when the Service wants it', async () => {
    const found = await endpointsIn(
      service(`publishNotReadyAddresses: true, ports: [{name: http, port: 80}]`),
      LISTED,
    );
    expect(found.map(({ address }) => address)).toEqual(['10.0.0.8', '10.0.0.9']);
  });

  it('labels and service account are those of the Pod, by name or by address', async () => {
    const list = endpoints(
      '[{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2, targetRef: {kind: Pod, name: b}}, {ip: 10.0.0.3}], ports: [{name: http, port: 1}]}]',
    );
    const found = await endpointsIn(ONE_PORT, list, pod('a', '10.0.0.1'), pod('b', '10.9.9.9'));
    expect(found.map(({ workload, serviceAccount }) => [workload, serviceAccount])).toEqual([
      ['n/a', 'bookinfo'],
      ['n/b', 'bookinfo'],
      ['', ''],
    ]);
  });

  it('several slices are one list, each address once, and Endpoints are their copy', async () => {
    const ports = 'ports: [{name: http, port: 8080}]';
    const found = await endpointsIn(
      ONE_PORT,
      LISTED,
      slice(
        'b',
        `addressType: IPv4\n${ports}\nendpoints: [{addresses: [10.0.0.2], zone: z}, {addresses: [10.0.0.1]}]`,
      ),
      slice(
        'a',
        `addressType: IPv4\n${ports}\nendpoints: [{addresses: [10.0.0.1]}, {addresses: [10.0.0.3], conditions: {ready: false}}]`,
      ),
      slice('c', `addressType: IPv6\n${ports}\nendpoints: [{addresses: ["FD00::1"]}]`),
    );
    expect(found.map(({ address, locality }) => [address, locality])).toEqual([
      ['10.0.0.1', ''],
      ['10.0.0.2', '/z'],
      ['fd00::1', ''],
    ]);
  });

  it.each([
    [
      'an address that is none',
      endpoints('[{addresses: [{ip: here}]}]'),
      'error: a.yaml:4: Endpoints n/reviews: subsets[0].addresses[0].ip: "here": expected an IP address',
    ],
    [
      'an endpoint without address',
      slice('a', 'endpoints: [{}]'),
      'endpoints[0].addresses: an address is required',
    ],
    [
      'a slice of no service',
      slice('a', '').replace(/, labels: {[^}]*}/, ''),
      'warning: a.yaml:3: EndpointSlice n/a: metadata.labels: the label kubernetes.io/service-name is missing',
    ],
  ])('%s is named', async (_, text, expected) => {
    const { findings } = await loadText({ 'a.yaml': text });
    expect(lines(findings)).toEqual([expect.stringContaining(expected)]);
  });

  it('a port that none of them has is named, and a list of no Service', async () => {
    const { findings } = await loadText({
      'a.yaml': SELECTING,
      'b.yaml': LISTED,
      'c.yaml': slice('d', 'endpoints: []').replace('reviews}', 'ratings}'),
    });
    expect(lines(findings)).toEqual([
      'warning: a.yaml:4: Service n/reviews: spec.ports: "admin": none of its listed endpoints has a port of this name: nothing will answer on 81',
      'warning: c.yaml:3: EndpointSlice n/d: there is no Service n/ratings, ignored',
    ]);
  });

  it('of Pods that share an address none is meant by it', async () => {
    const list = endpoints('[{addresses: [{ip: 127.0.0.1}], ports: [{name: http, port: 1}]}]');
    const found = await endpointsIn(ONE_PORT, list, pod('a', '127.0.0.1'), pod('b', '127.0.0.1'));
    expect(found.map(({ workload }) => workload)).toEqual(['']);
  });
});
