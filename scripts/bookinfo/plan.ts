/** What is started where, with which command line, as data. */
import { type Deployment, type Documents, type Pod, type Service, selects } from './documents.ts';
import { type Argv, type Network, planNetwork } from './network.ts';

/** `redirect`: every pod has a network of its own, and iptables rules; `none`: all are on this machine's loopback. */
export type Mode = 'redirect' | 'none';

export interface Wanted {
  readonly mode: Mode;
  /** False: the applications alone, each calling the others by their addresses. */
  readonly sidecars: boolean;
  /** Of the namespace with the bridge; those of the pods begin with it. */
  readonly name: string;
  readonly isRoot: boolean;
  readonly paths: Paths;
}

export interface Paths {
  readonly node: string;
  /** dist/pilot-agent.cjs */
  readonly agent: string;
  readonly envoy: string;
  /** examples/bookinfo/services/main.mjs */
  readonly services: string;
  /** The mesh folder, where Envoy's user can read it. */
  readonly mesh: string;
  /** For what is written while it runs; every user may enter it. */
  readonly folder: string;
}

export interface Program {
  readonly argv: Argv;
  /** Beside the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Member {
  readonly name: string;
  readonly address: string;
  /** Of the network, undefined: this machine's own. */
  readonly namespace: string | undefined;
  readonly application: Program;
  readonly redirect: Program | undefined;
  readonly agent: Program | undefined;
  /** Answers 200 when it is ready. */
  readonly ready: string;
  /** Where Prometheus asks. */
  readonly metrics: { readonly address: string; readonly path: string };
}

export interface Plan {
  readonly network: Network | undefined;
  /** For /etc/hosts in every namespace. */
  readonly hosts: string;
  readonly members: readonly Member[];
  readonly page: string;
  readonly traces: string;
  readonly prometheus: object;
}

const PROXY_USER = '1337';
const ZIPKIN = 'zipkin';
const PAGE = 'productpage';
/** In percent. Istio traces one in a hundred, of which somebody who tries it out would see nothing. */
const EVERY_REQUEST = 100;

/** Of a sidecar that has a network of its own: those of Istio. */
const PORTS = { admin: 15000, status: 15020, health: 15021, metrics: 15090 };
/** On loopback every sidecar has a hundred of its own, with the same last two digits. */
const FIRST_HUNDRED = 16_000;
const HUNDRED = 100;

/**
 * @throws Error with everything in the documents that does not fit together
 */
export function planBookinfo(documents: Documents, wanted: Wanted): Plan {
  const { mode, name } = wanted;
  const problems: string[] = [];
  const members = documents.pods.flatMap((pod, index) => {
    const deployment = documents.deployments.find(({ labels }) => selects(labels, pod.labels));
    if (deployment === undefined) {
      problems.push(`pod ${pod.name}: no Deployment has its labels`);
      return [];
    }
    return planMember(pod, deployment, index, documents, wanted, problems);
  });
  for (const needed of [PAGE, ZIPKIN]) {
    if (!documents.pods.some(({ labels }) => labels['app'] === needed)) {
      problems.push(`no pod has the label app: ${needed}`);
    }
  }
  if (mode === 'redirect' && wanted.sidecars) {
    for (const service of documents.services) {
      if (service.address === undefined) problems.push(`service ${service.name}: no clusterIP`);
    }
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const urlOf = (app: string, path: string) => {
    const pod = documents.pods.find(({ labels }) => labels['app'] === app);
    const port = documents.deployments.find(({ labels }) => labels['app'] === app)?.port;
    return `http://${pod?.address}:${port}${path}`;
  };
  const attached = members.map(({ namespace = '', address }) => ({ namespace, address }));
  return {
    network: mode === 'redirect' ? planNetwork(name, attached) : undefined,
    hosts: hostsFile(documents.services),
    members,
    page: urlOf(PAGE, '/productpage'),
    traces: urlOf(ZIPKIN, '/'),
    prometheus: prometheusConfiguration(members),
  };
}

function planMember(
  pod: Pod,
  deployment: Deployment,
  index: number,
  documents: Documents,
  wanted: Wanted,
  problems: string[],
): Member {
  const { mode, name, paths } = wanted;
  const meshed = wanted.sidecars && pod.labels['app'] !== ZIPKIN;
  const namespace = mode === 'redirect' ? `${name}-${pod.name}` : undefined;
  const behind =
    meshed && mode === 'none' ? onLoopback(pod, documents, problems) : { port: deployment.port, env: {} };
  const hundred = FIRST_HUNDRED + HUNDRED * index;
  const portOf = (kind: keyof typeof PORTS) =>
    mode === 'none' ? hundred + (PORTS[kind] % HUNDRED) : PORTS[kind];
  const application = {
    argv: [paths.node, paths.services, ...deployment.args] as const,
    env: {
      ...deployment.env,
      PORT: String(behind.port),
      ...(mode === 'redirect' ? {} : { HOST: pod.address }),
      ...(meshed ? {} : addressesOf(documents)),
      ...behind.env,
      ...(wanted.isRoot && deployment.runAsUser !== undefined
        ? { RUN_AS: String(deployment.runAsUser) }
        : {}),
    },
  };
  const asks = mode === 'none' && meshed ? '127.0.0.1' : pod.address;
  const inside = (program: Program): Program =>
    namespace === undefined ? program : { ...program, argv: enter(namespace, paths.folder, program.argv) };
  return {
    name: pod.name,
    address: pod.address,
    namespace,
    application: inside(application),
    redirect: meshed && namespace !== undefined ? inside({ argv: redirectArgv(paths), env: {} }) : undefined,
    agent: meshed ? inside(planAgent(pod, deployment, behind.port, portOf, documents, wanted)) : undefined,
    ready: meshed
      ? `http://${asks}:${portOf('status')}/healthz/ready`
      : `http://${pod.address}:${deployment.port}/health`,
    metrics: meshed
      ? { address: `${asks}:${portOf('metrics')}`, path: '/stats/prometheus' }
      : { address: `${pod.address}:${deployment.port}`, path: '/metrics' },
  };
}

/** Without redirection the Sidecar says where the application listens, and where it goes. */
function onLoopback(pod: Pod, { sidecars }: Documents, problems: string[]) {
  const sidecar = sidecars.find(({ selector }) => selects(selector, pod.labels));
  const [host, port] = sidecar?.defaultEndpoint?.split(':') ?? [];
  if (host !== '127.0.0.1' || port === undefined) {
    problems.push(`pod ${pod.name}: no Sidecar has a defaultEndpoint 127.0.0.1:PORT for it`);
  }
  const { outbound } = sidecar ?? {};
  return {
    port: Number(port),
    env: { HOST: '127.0.0.1', ...(outbound === undefined ? {} : { OUTBOUND: outbound }) },
  };
}

/** As the injector of Istio has it, apart from what needs a control plane. */
function planAgent(
  pod: Pod,
  deployment: Deployment,
  applicationPort: number,
  portOf: (kind: keyof typeof PORTS) => number,
  { pods, deployments }: Documents,
  { mode, paths }: Wanted,
): Program {
  const zipkin = pods.find(({ labels }) => labels['app'] === ZIPKIN);
  const zipkinPort = deployments.find(({ labels }) => labels['app'] === ZIPKIN)?.port;
  const collector = `${zipkin?.address}:${zipkinPort}`;
  const flags = {
    domain: `${pod.namespace}.svc.cluster.local`,
    configPath: `${paths.folder}/${pod.name}`,
    binaryPath: paths.envoy,
    serviceCluster: `${pod.labels['app']}.${pod.namespace}`,
    drainDuration: '45s',
    parentShutdownDuration: '1m0s',
    zipkinAddress: collector,
    proxyLogLevel: 'warning',
    proxyComponentLogLevel: 'misc:error',
    proxyAdminPort: String(portOf('admin')),
    prometheusPort: String(portOf('metrics')),
    concurrency: '2',
    statusPort: String(portOf('status')),
    meshDir: paths.mesh,
  };
  const { annotations } = deployment;
  return {
    argv: [
      paths.node,
      paths.agent,
      'proxy',
      'sidecar',
      ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
      // Where nothing else ends what an agent that was killed leaves behind. A namespace is searched for that.
      ...(mode === 'none' ? ['--noAdopt'] : []),
    ],
    env: {
      POD_NAME: pod.name,
      POD_NAMESPACE: pod.namespace,
      INSTANCE_IP: pod.address,
      SERVICE_ACCOUNT: deployment.serviceAccount,
      ENVOY_STATUS_PORT: String(portOf('health')),
      PROXY_CONFIG: JSON.stringify({
        interceptionMode: mode === 'redirect' ? 'REDIRECT' : 'NONE',
        tracing: { zipkin: { address: collector }, sampling: EVERY_REQUEST },
      }),
      ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({
        scrape: annotations['prometheus.io/scrape'] ?? 'false',
        port: String(applicationPort),
        path: annotations['prometheus.io/path'] ?? '/metrics',
      }),
    },
  };
}

function redirectArgv({ node, agent }: Paths): Argv {
  const redirected = ['-p', '15001', '-z', '15006', '-u', PROXY_USER, '-m', 'REDIRECT'];
  return [
    node,
    agent,
    'istio-iptables',
    ...redirected,
    ...['-i', '*', '-x', '', '-b', '*', '-d', `${PORTS.metrics},${PORTS.status}`],
  ];
}

/**
 * Runs a program in a namespace, with names of its own in /etc/hosts, and with a /dev/shm of its own, where the Envoys of one machine
 * would meet: `ip netns exec` gives it a view of the file system of its own, so nothing of that is seen outside.
 */
export function enter(namespace: string, folder: string, argv: Argv): Argv {
  const script = 'mount --bind "$0" /etc/hosts && mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"';
  return ['ip', 'netns', 'exec', namespace, 'sh', '-c', script, hostsPath(folder), ...argv];
}

export const hostsPath = (folder: string) => `${folder}/hosts`;

/** Every form of a service's name that Kubernetes resolves in the service's namespace. */
function hostsFile(services: readonly Service[]): string {
  const lines = services.flatMap(({ name, namespace, address }) => {
    const own = `${name}.${namespace}`;
    return address === undefined ? [] : `${address} ${name} ${own} ${own}.svc ${own}.svc.cluster.local\n`;
  });
  return `127.0.0.1 localhost\n${lines.join('')}`;
}

/** Where every service is when there is no mesh: at the address of the last of its pods. */
function addressesOf({ services, pods }: Documents): Readonly<Record<string, string>> {
  return Object.fromEntries(
    services.flatMap(({ name, selector, port }) => {
      const pod = pods.findLast(({ labels }) => selects(selector, labels));
      return pod === undefined ? [] : [[`${name.toUpperCase()}_URL`, `http://${pod.address}:${port}`]];
    }),
  );
}

function prometheusConfiguration(members: readonly Member[]): object {
  return {
    global: { scrape_interval: '5s' },
    scrape_configs: members.map(({ name, metrics }) => ({
      job_name: name,
      metrics_path: metrics.path,
      static_configs: [{ targets: [metrics.address] }],
    })),
  };
}
