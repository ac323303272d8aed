/** A Pod from the webhook to its last request: what is injected is run, word by word, as kubelet would. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEnvoy } from '../../src/envoy/binary.ts';
import type { Pod } from '../../src/inject/kubernetes.ts';
import { testCertificates } from '../bootstrap/test-certificates.ts';
import { HOST, httpsClient } from '../inject/webhook/https-client.ts';
import { readExposition } from '../metrics/exposition.ts';
import { PILOT_AGENT } from '../support/agent.ts';
import { makeFolder } from '../support/folder.ts';
import { serve } from '../support/intercepted-pod.ts';
import { applyJsonPatch } from '../support/json-patch.ts';
import type { ContainerImage } from '../support/kubelet/container.ts';
import { type RunningPod, runPod } from '../support/kubelet/pod.ts';
import type { OnClose } from '../support/on-close.ts';
import { type PodNetwork, podNetwork } from '../support/pod-network.ts';
import { freePort } from '../support/ports.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

const able =
  isRoot && ['ip', 'iptables', 'setpriv', 'unshare', 'nsenter', 'curl', 'sysctl', 'openssl'].every(hasTool);
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** The values of somebody without a control plane: the mesh is in a ConfigMap, and every sidecar has it. */
const VALUES = `
global: { hub: registry.test/mesh, tag: "1", pilotCertProvider: kubernetes }
sidecarInjectorWebhook:
  rewriteAppHTTPProbe: true
  templates:
    sidecar:
      spec:
        containers:
          - name: istio-proxy
            env: [{ name: PILOT_AGENT_MESH_DIR, value: /etc/istio/mesh }]
            volumeMounts: [{ name: mesh, mountPath: /etc/istio/mesh, readOnly: true }]
        volumes: [{ name: mesh, configMap: { name: mesh } }]
`;

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'cart-1',
    namespace: 'shop',
    labels: { app: 'cart', version: 'v1' },
    annotations: {
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': '9080',
      'prometheus.io/path': '/shop/metrics',
      'prometheus.istio.io/merge-metrics': 'true',
      'proxy.istio.io/config': 'holdApplicationUntilProxyStarts: true\nconcurrency: 1\ndrainDuration: 1s',
    },
  },
  spec: {
    containers: [
      {
        name: 'cart',
        image: 'registry.test/shop/cart:1',
        ports: [{ name: 'http', containerPort: 9080 }],
        readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1, timeoutSeconds: 2 },
        securityContext: { runAsUser: 1000 },
      },
    ],
  },
};

const mesh = ({ pod, client }: PodNetwork, echo: string) => `apiVersion: v1
kind: Pod
metadata: {name: cart-1, namespace: shop, labels: {app: cart, version: v1}}
spec: {containers: [{name: cart, image: cart, ports: [{name: http, containerPort: 9080}]}]}
status: {podIP: ${pod.ipv4}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec:
  clusterIP: 10.96.0.2
  selector: {app: cart}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec:
  clusterIP: ${echo}
  ports: [{name: http, port: 80, targetPort: 7777}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: echo, namespace: shop}
subsets: [{addresses: [{ip: ${client.ipv4}}], ports: [{name: http, port: 7777}]}]
`;

/** Sends the Pod through the built webhook, as the API server does. */
async function admit(onClose: OnClose, compat: string): Promise<Pod> {
  const folder = await makeFolder(onClose);
  const { ca, cert, key } = await testCertificates(folder, HOST);
  const values = join(folder, 'values');
  await writeFile(values, VALUES);
  const port = await freePort();
  const files = ['--tlsCertFile', cert, '--tlsKeyFile', key, '--injectValues', values];
  const ports = ['--port', String(port), '--monitoringPort', '-1'];
  await serve(onClose, [
    process.execPath,
    PILOT_AGENT,
    ...['injector', '--compat', compat, ...ports, ...files],
  ]);
  const client = await httpsClient(port, ca);
  onClose(() => client.agent.destroy());
  const answer = await until('the webhook answers', () =>
    client.post(
      '/inject',
      JSON.stringify({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        request: { uid: 'u-1', kind: { version: 'v1', kind: 'Pod' }, namespace: 'shop', object: POD },
      }),
    ),
  );
  const { response } = JSON.parse(answer.text);
  if (!response.allowed) throw new Error(`refused: ${answer.text}`);
  return applyJsonPatch(POD, JSON.parse(Buffer.from(response.patch, 'base64').toString('utf8'))) as Pod;
}

/** What the images of the injected Pod have in them. */
async function images(): Promise<(name: string) => ContainerImage> {
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('no Envoy: run "npm run envoy"');
  const agent: ContainerImage = {
    entrypoint: ['/usr/local/bin/pilot-agent'],
    links: {
      '/usr/local/bin/node': process.execPath,
      '/usr/local/bin/pilot-agent': PILOT_AGENT,
      '/usr/local/bin/istio-iptables': PILOT_AGENT,
    },
    files: { '/usr/local/bin/envoy': envoy },
    uid: 1337,
  };
  const cart: ContainerImage = {
    entrypoint: [process.execPath, fixture('cart.mjs')],
    links: {},
    files: {},
    uid: 1000,
  };
  const known: Readonly<Record<string, ContainerImage>> = {
    'registry.test/mesh/proxyv2:1': agent,
    'registry.test/shop/cart:1': cart,
  };
  return (name) => {
    const found = known[name];
    if (found === undefined) throw new Error(`there is no image ${name}`);
    return found;
  };
}

describe.runIf(able).each(['1.5', '1.30'] as const)('a Pod that the webhook has injected as %s', (compat) => {
  let injected: Pod;
  let network: PodNetwork;
  let running: RunningPod;
  const open: (() => void | Promise<void>)[] = [];
  beforeAll(async () => {
    const onClose: OnClose = (close) => void open.unshift(close);
    injected = await admit(onClose, compat);
    network = await podNetwork(onClose);
    await serve(onClose, network.client.enter(process.execPath, fixture('echo-server.mjs'), '::=7777'));
    running = await runPod(onClose, {
      pod: injected,
      network,
      images: await images(),
      configMaps: { mesh: { 'mesh.yaml': mesh(network, '10.96.0.9') } },
    });
  }, 180_000);
  afterAll(async () => {
    for (const close of open) await close();
  }, 60_000);

  const fetchFrom = (place: 'client' | 'node' | 'pod', url: string) =>
    network[place].run('curl', '-sSf', '--max-time', '10', url);
  const stat = async (name: string) => {
    const text = await fetchFrom('pod', 'http://127.0.0.1:15000/stats?usedonly');
    const line = text.split('\n').find((each) => each.startsWith(`${name}: `));
    return Number(line?.slice(name.length + 2) ?? 0);
  };
  const added = async (name: string, action: () => Promise<unknown>) => {
    const before = await stat(name);
    await action();
    return (await stat(name)) - before;
  };

  it('is as this version of Istio would have it', () => {
    const names = (list: Pod['spec']['containers']) => (list ?? []).map(({ name }) => name);
    const { initContainers, containers } = injected.spec;
    expect([names(initContainers), names(containers)]).toEqual(
      compat === '1.5'
        ? [['istio-init'], ['istio-proxy', 'cart']]
        : [['istio-init', 'istio-proxy'], ['cart']],
    );
  });

  it('runs the sidecar as the user, with the rights and on the file system that are written', async () => {
    const look = 'id -u; id -g; grep -E "^(CapEff|NoNewPrivs)" /proc/self/status; touch /etc/x 2>&1; true';
    const seen = await running.container('istio-proxy').exec(['sh', '-c', look]);
    expect(seen.split('\n')).toEqual([
      '1337',
      '1337',
      'CapEff:\t0000000000000000',
      'NoNewPrivs:\t1',
      expect.stringContaining('Read-only file system'),
    ]);
  });

  const inbound = 'cluster.inbound|9080||;.upstream_rq_200';
  const outbound = 'cluster.outbound|80||echo.shop.svc.cluster.local;.upstream_rq_200';

  it('has what comes in carried by Envoy', async () => {
    const requests = await added(inbound, async () => {
      const answer = await fetchFrom('client', `http://${network.pod.ipv4}:9080/`);
      expect(JSON.parse(answer)).toEqual({ client: '127.0.0.1', at: 'cart' });
    });
    expect(requests).toBe(1);
  });

  it('has what goes out carried by Envoy: to a service, and to anybody', async () => {
    const call = async (url: string) =>
      JSON.parse(
        await fetchFrom('client', `http://${network.pod.ipv4}:9080/call?url=${encodeURIComponent(url)}`),
      );
    const seen = { client: `::ffff:${network.pod.ipv4}`, at: `::ffff:${network.client.ipv4}=7777` };
    const toService = async () => expect(await call('http://10.96.0.9/')).toEqual(seen);
    expect(await added(outbound, toService)).toBe(1);
    const toAnybody = async () => expect(await call(`http://${network.client.ipv4}:7777/`)).toEqual(seen);
    expect(await added('cluster.PassthroughCluster;.upstream_cx_total', toAnybody)).toBe(1);
  });

  it('has its probes answered by the agent, as its application answers', async () => {
    const { readinessProbe } = injected.spec.containers?.find(({ name }) => name === 'cart') ?? {};
    expect(readinessProbe?.httpGet).toEqual({ path: '/app-health/cart/readyz', port: 15020 });
    expect(await running.probe('cart', 'readinessProbe')).toEqual({ status: 200, body: 'in order' });
    expect((await running.probe('istio-proxy', 'readinessProbe')).status).toBe(200);
    await fetchFrom('client', `http://${network.pod.ipv4}:9080/break`);
    expect(await running.probe('cart', 'readinessProbe')).toEqual({ status: 503, body: 'out of order' });
    await fetchFrom('client', `http://${network.pod.ipv4}:9080/mend`);
    expect(await running.probe('cart', 'readinessProbe')).toEqual({ status: 200, body: 'in order' });
  });

  it('shows the metrics of application, Envoy and agent where its annotations say', async () => {
    const annotations = injected.metadata.annotations ?? {};
    const [port, path] = [annotations['prometheus.io/port'], annotations['prometheus.io/path']];
    expect([annotations['prometheus.io/scrape'], port, path]).toEqual(['true', '15020', '/stats/prometheus']);
    const text = await fetchFrom('client', `http://${network.pod.ipv4}:${port}${path}`);
    readExposition(`${text}\n`, 'text');
    for (const line of [
      /^cart_orders_total \d+$/m,
      /^envoy_server_live\{?.* 1$/m,
      /^istio_agent_ready.* 1$/m,
    ]) {
      expect(text).toMatch(line);
    }
  });

  it('follows its mesh when somebody changes the ConfigMap', async () => {
    await running.replaceConfigMap('mesh', { 'mesh.yaml': mesh(network, '10.96.0.10') });
    // Until then nobody has that address.
    const url = `http://${network.pod.ipv4}:9080/call?url=http://10.96.0.10/`;
    const call = () => network.client.run('curl', '-sSf', '--max-time', '1', url);
    const before = await stat(outbound);
    await until(
      'the service has its new address',
      async () => (await call()) !== '' && (await stat(outbound)) > before,
      30_000,
    );
  });

  it('ends without a complaint', async () => {
    expect(await running.terminate()).toEqual({ cart: 0, 'istio-proxy': 0 });
  });
});
