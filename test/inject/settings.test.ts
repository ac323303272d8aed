import { describe, expect, it } from 'vitest';
import { readSettings } from '../../src/inject/settings.ts';
import { inject } from './inject-sample.ts';

describe('values, by the names of the charts', () => {
  it.each([
    ['global: { hub: mine, tag: "2" }', ({ proxy }) => proxy.image, 'mine/proxyv2:2'],
    ['global: { proxy: { image: mine/p:1 } }', ({ proxy }) => proxy.image, 'mine/p:1'],
    ['global: { proxy_init: { image: mine/i:1 } }', ({ init }) => init?.image, 'mine/i:1'],
    ['global: { imagePullPolicy: Never }', ({ init }) => init?.['imagePullPolicy'], 'Never'],
    ['global: { imagePullSecrets: [s] }', ({ pod }) => pod.spec.imagePullSecrets, [{ name: 's' }]],
    ['global: { proxy: { includeIPRanges: 10.0.0.0/8 } }', ({ rule }) => rule('-i'), '10.0.0.0/8'],
    ['global: { proxy: { excludeOutboundPorts: 25 } }', ({ rule }) => rule('-o'), '25'],
    ['global: { proxy: { statusPort: 15099 } }', ({ arg }) => arg('--statusPort'), '15099'],
    ['global: { proxy: { privileged: true } }', ({ proxy }) => proxy.securityContext?.['privileged'], true],
    [
      'global: { proxy: { resources: { limits: { cpu: 1 } } } }',
      ({ proxy }) => proxy.resources,
      { limits: { cpu: 1 } },
    ],
    ['global: { logAsJson: true }', ({ proxy }) => proxy.args?.includes('--log_as_json'), true],
    ['global: { meshID: m }', ({ env }) => env('ISTIO_META_MESH_ID'), 'm'],
    ['global: { network: n }', ({ env }) => env('ISTIO_META_NETWORK'), 'n'],
    ['global: { multiCluster: { clusterName: c } }', ({ env }) => env('ISTIO_META_CLUSTER_ID'), 'c'],
    ['global: { caAddress: ca:1 }', ({ env }) => env('CA_ADDR'), 'ca:1'],
    ['global: { proxy: { tracer: none } }', ({ arg }) => arg('--zipkinAddress'), undefined],
    [
      'global: { istiod: { enabled: false }, controlPlaneSecurityEnabled: true }',
      ({ arg }) => arg('--controlPlaneAuthPolicy'),
      'MUTUAL_TLS',
    ],
    ['istio_cni: { enabled: true }', ({ init }) => init?.name, 'istio-validation'],
    [
      'istio_cni: { enabled: true }',
      ({ init }) => init?.command?.slice(-2),
      ['--run-validation', '--skip-rule-apply'],
    ],
    [
      'global: { podDNSSearchNamespaces: [global] }',
      ({ pod }) => pod.spec.dnsConfig,
      { searches: ['global'] },
    ],
    [
      'global: { podDNSSearchNamespaces: [\'{{ valueOrDefault .DeploymentMeta.Namespace "default" }}.global\'] }',
      ({ pod }) => pod.spec.dnsConfig,
      { searches: ['shop.global'] },
    ],
  ] as readonly (readonly [string, (injected: ReturnType<typeof inject>) => unknown, unknown])[])(
    '%s',
    (values, look, expected) => expect(look(inject({ values }))).toEqual(expected),
  );

  it('that are of the wrong type are listed with their paths, and with what is wrong in other files', () => {
    const texts = {
      values: 'global: { hub: [], tag: 1.10, logAsJson: 7, proxy: { statusPort: x } }',
      mesh: 'defaultConfig: { drainDuration: long }',
    };
    for (const path of [
      'global.hub',
      'global.tag',
      'global.logAsJson',
      'global.proxy.statusPort',
      'drainDuration',
    ]) {
      expect(() => readSettings(texts, '1.5', undefined)).toThrow(path);
    }
  });

  it.each([
    [{ values: '- a' }, 'values: expected an object'],
    [{ values: 'a: [' }, 'values: not YAML'],
    [{ mesh: '3' }, 'mesh config: expected an object'],
    [{ inject: 'template: |\n  {{ if }}' }, 'Go templates are not supported'],
    [{ inject: 'policy: [x]' }, 'inject config: policy'],
    [{ inject: 'neverInjectSelector: x' }, 'inject config: neverInjectSelector'],
    [{ values: 'sidecarInjectorWebhook: { templates: { a: "x: {{ y }}" } }' }, 'template "a": Go templates'],
    [{ values: 'global: { podDNSSearchNamespaces: ["{{ .Other }}"] }' }, 'podDNSSearchNamespaces'],
  ])('%j is refused', (texts, message) => {
    expect(() => readSettings(texts, '1.5', undefined)).toThrow(message);
  });

  it('that are the same give the same version, others another', () => {
    const version = (values: string) => readSettings({ values }, '1.5', undefined).version;
    expect(version('global: { hub: a }')).toBe(version('global: {hub: "a"}'));
    expect(version('global: { hub: a }')).not.toBe(version('global: { hub: b }'));
    expect(version('')).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('the mesh configuration', () => {
  it('is that of the chart without a file, and that of the code with an empty one', () => {
    expect(inject().arg('--discoveryAddress')).toBe('istiod.istio-system.svc:15012');
    expect(inject({ mesh: '{}' }).arg('--discoveryAddress')).toBe('istio-pilot:15010');
    expect(inject({ mesh: '{}' }).arg('--connectTimeout')).toBe('1s');
  });

  it('without a number of threads gives the proxy as many as it may use CPUs, at the end', () => {
    const { proxy } = inject({ mesh: '{}' });
    expect(proxy.args?.slice(-2)).toEqual(['--concurrency', '2']);
    const { arg } = inject({ mesh: '{}', annotations: { 'sidecar.istio.io/proxyCPU': '2100m' } });
    expect(arg('--concurrency')).toBe('3');
  });

  it('with sdsUdsPath gives the pod a group, unless it has one', () => {
    const mesh = 'sdsUdsPath: unix:/sds';
    expect(inject({ mesh }).pod.spec.securityContext).toEqual({ fsGroup: 1337 });
    const spec = { containers: [], securityContext: { fsGroup: 5 } };
    expect(inject({ mesh, spec }).pod.spec.securityContext).toEqual({ fsGroup: 5 });
  });
});

describe('templates are patches', () => {
  const values = `
sidecarInjectorWebhook:
  templates:
    big:
      spec:
        containers:
        - name: istio-proxy
          resources: { limits: { cpu: "8" } }
          env: [{ name: EXTRA, value: "1" }, { name: JWT_POLICY, $patch: delete }]
        - { name: helper, image: helper:1 }
        volumes: [{ name: extra, emptyDir: {} }]
    noisy: |
      metadata: { labels: { noisy: "yes" } }
`;
  const annotations = (names: string) => ({ 'inject.istio.io/templates': names });

  it('that are merged into the result, by the names that a pod asks for', () => {
    const { proxy, env, pod } = inject({ values, annotations: annotations('sidecar,big,noisy') });
    expect(proxy.resources).toMatchObject({ limits: { cpu: '8', memory: '1024Mi' } });
    expect(env('EXTRA')).toBe('1');
    expect(proxy.env?.some(({ name }) => name === 'JWT_POLICY')).toBe(false);
    expect(pod.metadata.labels).toMatchObject({ noisy: 'yes' });
    const status = JSON.parse(pod.metadata.annotations?.['sidecar.istio.io/status'] ?? '');
    expect(status.containers).toEqual(['istio-proxy', 'helper']);
    expect(status.volumes).toContain('extra');
  });

  it.each([true, false])('that reach the proxy wherever it is, native: %s', (native) => {
    const { proxy, pod } = inject({
      compat: '1.30',
      native,
      values,
      annotations: annotations('sidecar,big'),
    });
    expect(proxy.resources).toMatchObject({ limits: { cpu: '8' } });
    const all = [...(pod.spec.initContainers ?? []), ...(pod.spec.containers ?? [])].map(({ name }) => name);
    expect(all.filter((name) => name === 'istio-proxy')).toHaveLength(1);
    expect(pod.spec.containers?.map(({ name }) => name)).toContain('helper');
  });

  it('that an administrator may make the default', () => {
    expect(
      inject({ values, inject: 'defaultTemplates: [sidecar, noisy]' }).pod.metadata.labels,
    ).toMatchObject({
      noisy: 'yes',
    });
  });

  it('whose names are to be known', () => {
    expect(() => inject({ values, annotations: annotations('sidecar,none') })).toThrow(
      'requested template "none" not found; have big, noisy, sidecar',
    );
  });
});

describe('a proxy container of the pod itself, in 1.30', () => {
  const spec = {
    containers: [
      { name: 'cart' },
      {
        name: 'istio-proxy',
        image: 'auto',
        resources: { limits: { cpu: '9' } },
        securityContext: { runAsUser: 2000 },
      },
    ],
  };

  it('is merged into the injected one', () => {
    const { proxy, rule, pod } = inject({ compat: '1.30', spec });
    expect(proxy.image).toBe('docker.io/istio/proxyv2:1.30.0');
    expect(proxy.resources).toMatchObject({ limits: { cpu: '9', memory: '1024Mi' } });
    expect(rule('-u')).toBe('2000');
    expect(pod.metadata.annotations?.['proxy.istio.io/overrides']).toContain('"auto"');
  });

  it('comes out of it again when the pod is injected again', () => {
    const once = inject({ compat: '1.30', spec }).pod;
    const annotations = once.metadata.annotations ?? {};
    const labels = once.metadata.labels ?? {};
    expect(inject({ compat: '1.30', spec: once.spec, annotations, labels }).pod).toEqual(once);
  });
});

describe('labels', () => {
  const labelsOf = (labels: Readonly<Record<string, string>>) =>
    inject({ compat: '1.30', labels }).pod.metadata.labels;

  it.each([
    [{ 'app.kubernetes.io/name': 'a', app: 'b', 'app.kubernetes.io/version': '1', version: '2' }, 'a', '1'],
    [{ app: 'b', version: '2' }, 'b', '2'],
    [{}, 'cart', 'latest'],
    [{ 'service.istio.io/canonical-name': 'own', 'service.istio.io/canonical-revision': 'r' }, 'own', 'r'],
    [{ app: `${'a'.repeat(62)}-bc` }, 'a'.repeat(62), 'latest'],
  ])('%j', (labels, name, revision) => {
    expect(labelsOf(labels)).toEqual({
      ...labels,
      'security.istio.io/tlsMode': 'istio',
      'service.istio.io/canonical-name': name,
      'service.istio.io/canonical-revision': revision,
    });
  });

  it('by a file of 1.5 are as few as there', () => {
    expect(Object.keys(inject({ labels: {} }).pod.metadata.labels ?? {})).toEqual([
      'security.istio.io/tlsMode',
    ]);
    expect(Object.keys(inject({ labels: {}, via: 'webhook' }).pod.metadata.labels ?? {})).toHaveLength(3);
  });
});

describe('Prometheus', () => {
  const scrape = (annotations: Readonly<Record<string, string>>, mesh?: string) => {
    const { pod, env } = inject({ compat: '1.30', annotations, ...(mesh === undefined ? {} : { mesh }) });
    const of = (name: string) => pod.metadata.annotations?.[`prometheus.io/${name}`];
    return {
      port: of('port'),
      path: of('path'),
      scrape: of('scrape'),
      env: env('ISTIO_PROMETHEUS_ANNOTATIONS'),
    };
  };
  const agent = { port: '15020', path: '/stats/prometheus', scrape: 'true' };

  it('scrapes the agent, which knows where the application wants to be scraped', () => {
    expect(scrape({})).toEqual({ ...agent, env: undefined });
    expect(scrape({ 'prometheus.io/port': '9090', 'prometheus/io/path': '/m' })).toEqual({
      ...agent,
      env: '{"path":"/m","port":"9090"}',
    });
  });

  it('scrapes port 15090 of an agent without a status port', () => {
    expect(scrape({ 'status.sidecar.istio.io/port': '0' })).toMatchObject({ port: '15090' });
  });

  it.each([
    [{ 'prometheus.io/scrape': 'false' }, undefined],
    [{ 'prometheus.io/port': '15020' }, undefined],
    [{ 'prometheus.istio.io/merge-metrics': 'false' }, undefined],
    [{}, 'enablePrometheusMerge: false'],
  ])('is left alone: %j %s', (annotations, mesh) => {
    const { port, path, env } = scrape(annotations, mesh);
    expect({ port, path, env }).toEqual({
      port: (annotations as Record<string, string>)['prometheus.io/port'],
      path: undefined,
      env: undefined,
    });
  });
});

it('the CNI plug-in of 1.30 reads the redirection from annotations, and multus the network', () => {
  const { pod } = inject({
    compat: '1.30',
    values: 'istio_cni: { enabled: true, chained: false }',
    annotations: { 'k8s.v1.cni.cncf.io/networks': 'mine' },
  });
  expect(pod.metadata.annotations).toMatchObject({
    'sidecar.istio.io/interceptionMode': 'REDIRECT',
    'traffic.sidecar.istio.io/includeInboundPorts': '*',
    'k8s.v1.cni.cncf.io/networks': 'mine, istio-cni',
  });
});

it('a volume of the name of an injected one is used instead of it, with a warning', () => {
  const mine = { name: 'istio-envoy', hostPath: { path: '/x' } };
  const { pod, warnings } = inject({ spec: { containers: [], volumes: [mine] } });
  expect(pod.spec.volumes?.filter(({ name }) => name === 'istio-envoy')).toEqual([mine]);
  expect(warnings).toEqual([expect.stringContaining('volume "istio-envoy"')]);
});

it('another DNS policy costs a warning', () => {
  const { warnings } = inject({ spec: { containers: [], dnsPolicy: 'None' } });
  expect(warnings).toEqual([expect.stringContaining('DNSPolicy is not "ClusterFirst"')]);
});
