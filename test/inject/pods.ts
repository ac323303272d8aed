/** Pods as nobody would write them, for properties. */
import fc from 'fast-check';
import type { Owner, Pod } from '../../src/inject/kubernetes.ts';

export const owner: Owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', namespace: 'shop' };

/** Missing, null, or what it should be. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant(null) },
    {
      weight: 4,
      arbitrary,
    },
  );

const name = fc.constantFrom('a', 'web', 'api', 'worker', 'log-shipper', 'x~y/z');
const number = fc.integer({ min: 1, max: 65535 });
const port = fc.oneof(number, fc.constantFrom('http', 'admin', 'nowhere', '8080'));
const odd = fc.string({ maxLength: 12 });

const action = fc.oneof(
  fc.record({
    httpGet: fc.record(
      {
        path: maybe(fc.constantFrom('/', '/ready?x=1', '/app-health/a/readyz')),
        port,
        host: maybe(fc.constantFrom('localhost', '10.0.0.1')),
        scheme: maybe(fc.constantFrom('HTTP', 'HTTPS')),
        httpHeaders: maybe(fc.array(fc.record({ name: fc.constant('X'), value: odd }), { maxLength: 2 })),
      },
      { requiredKeys: ['port'] },
    ),
  }),
  fc.record({ tcpSocket: fc.record({ port }) }),
  fc.record({ grpc: fc.record({ port: number, service: maybe(fc.constantFrom('health', '')) }) }),
  fc.record({ exec: fc.record({ command: fc.constant(['true']) }) }),
);
const probe = fc
  .tuple(action, fc.record({ timeoutSeconds: maybe(fc.integer({ min: 1, max: 9 })) }), fc.boolean())
  .map(([what, rest, odd]) => ({ ...what, ...rest, ...(odd ? { periodSeconds: 3 } : {}) }));

const container = fc.record(
  {
    name,
    image: fc.constant('example/app:1'),
    env: maybe(fc.array(fc.record({ name: fc.constantFrom('A', 'B'), value: odd }), { maxLength: 2 })),
    ports: maybe(
      fc.array(
        fc.record(
          {
            name: maybe(fc.constantFrom('http', 'admin')),
            containerPort: number,
            protocol: maybe(fc.constantFrom('TCP', 'UDP', 'SCTP')),
          },
          { requiredKeys: ['containerPort'] },
        ),
        { maxLength: 3 },
      ),
    ),
    volumeMounts: maybe(
      fc.array(
        fc.record({
          name: fc.constantFrom('data', 'token'),
          mountPath: fc.constantFrom('/data', '/var/run/secrets/kubernetes.io/serviceaccount'),
        }),
        { maxLength: 1 },
      ),
    ),
    readinessProbe: maybe(probe),
    livenessProbe: maybe(probe),
    startupProbe: maybe(probe),
    lifecycle: maybe(fc.record({ preStop: maybe(action), postStart: maybe(action) })),
    unknownToUs: maybe(fc.record({ deep: fc.array(odd, { maxLength: 2 }) })),
  },
  { requiredKeys: ['name'] },
);

const named = <T extends { name: string }>(items: fc.Arbitrary<T>, maxLength: number) =>
  fc.uniqueArray(items, { maxLength, selector: (item) => item.name });

const annotations = fc.dictionary(
  fc.constantFrom(
    'sidecar.istio.io/interceptionMode',
    'example.com/note',
    'a~b/c',
    'istio.example.com/unknown',
  ),
  fc.constantFrom('REDIRECT', 'TPROXY', 'NONE'),
  { maxKeys: 3 },
);
const moreAnnotations = fc.record(
  {
    'traffic.sidecar.istio.io/includeInboundPorts': fc.constantFrom('*', '', '80', '80,9090'),
    'traffic.sidecar.istio.io/excludeInboundPorts': fc.constantFrom('', '15020', '1,2'),
    'traffic.sidecar.istio.io/includeOutboundIPRanges': fc.constantFrom('*', '', '10.0.0.0/8'),
    'status.sidecar.istio.io/port': fc.constantFrom('0', '15020', '15999'),
    'sidecar.istio.io/rewriteAppHTTPProbers': fc.constantFrom('true', 'false', 'maybe'),
    'sidecar.istio.io/nativeSidecar': fc.constantFrom('true', 'false'),
    'sidecar.istio.io/proxyCPU': fc.constantFrom('100m', '2'),
    'proxy.istio.io/config': fc.constantFrom(
      'concurrency: 3',
      'holdApplicationUntilProxyStarts: true',
      '{"proxyMetadata":{"A":"1"}}',
    ),
    'sidecar.istio.io/status': fc.constantFrom('', '{}', 'nonsense', '{"containers":[]}'),
    'container.seccomp.security.alpha.kubernetes.io/istio-proxy': fc.constant('mine'),
    'prometheus.io/scrape': fc.constantFrom('true', 'false'),
    'prometheus.io/port': fc.constantFrom('9090', '9091'),
    'prometheus.io/path': fc.constantFrom('/metrics', '/stats/prometheus'),
    'prometheus.istio.io/merge-metrics': fc.constantFrom('true', 'false'),
  },
  { requiredKeys: [] },
);

const volume = fc.constantFrom(
  {},
  {
    'sidecar.istio.io/userVolume': '{"mine":{"emptyDir":{}}}',
    'sidecar.istio.io/userVolumeMount': '{"mine":{"mountPath":"/mine"}}',
  },
);

export const arbitraryPod: fc.Arbitrary<Pod> = fc
  .record({
    metadata: fc.record(
      {
        name: maybe(fc.constant('cart-1')),
        labels: maybe(
          fc.dictionary(fc.constantFrom('app', 'version', 'app.kubernetes.io/name', 'x/y'), name, {
            maxKeys: 3,
          }),
        ),
        annotations: maybe(
          fc.tuple(annotations, moreAnnotations, volume).map((all) => Object.assign({}, ...all)),
        ),
      },
      { requiredKeys: [] },
    ),
    spec: fc.record(
      {
        containers: fc.oneof(
          { weight: 9, arbitrary: named(container, 3) },
          { weight: 1, arbitrary: fc.constant(null) },
        ),
        initContainers: maybe(
          named(
            container.map((one) => ({ ...one, name: `init-${one.name}` })),
            2,
          ),
        ),
        volumes: maybe(named(fc.record({ name: fc.constantFrom('data', 'token', 'istio-envoy') }), 3)),
        imagePullSecrets: maybe(
          fc.array(fc.record({ name: fc.constantFrom('s', 'mine') }), { maxLength: 1 }),
        ),
        dnsConfig: maybe(fc.record({ searches: maybe(fc.constant(['example.com'])) })),
        securityContext: maybe(fc.record({ fsGroup: fc.constant(5) })),
        priority: fc.constantFrom(1, 2),
      },
      { requiredKeys: ['containers'] },
    ),
  })
  .map((pod) => JSON.parse(JSON.stringify(pod)) as Pod);
