/**
 * Probes and hooks of the application go to the agent, which asks the application from inside the pod: kubelet's own requests
 * would meet Envoy (injection-iptables-sidecar.md B.6).
 */
import { type Fields, isObject, listOf } from './json.ts';
import {
  type Action,
  type Container,
  type HttpGet,
  type Lifecycle,
  type Port,
  PROXY,
  type Probe,
} from './kubernetes.ts';
import type { Compat } from './values.ts';

export const PROBERS = 'ISTIO_KUBE_APP_PROBERS';

export interface RewrittenProbes {
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
  /** Path at the agent -> what is to be asked there: the value of `ISTIO_KUBE_APP_PROBERS`, keys sorted. */
  readonly probers: Fields;
  readonly warnings: readonly string[];
}

type ProbeName = 'readinessProbe' | 'livenessProbe' | 'startupProbe';
type HookName = 'preStop' | 'postStart';

const PROBES: readonly (readonly [ProbeName, string])[] = [
  ['readinessProbe', 'readyz'],
  ['livenessProbe', 'livez'],
  ['startupProbe', 'startupz'],
];
const HOOKS: readonly (readonly [HookName, string])[] = [
  ['preStop', 'prestopz'],
  ['postStart', 'poststartz'],
];

/**
 * Rewrites the probes of all containers but the proxy's. 1.5 knows HTTP and HTTPS of readiness and liveness in ordinary
 * containers; 1.30 also startup probes, TCP, gRPC, hooks and init containers.
 */
export function rewriteProbes(
  containers: readonly Container[],
  initContainers: readonly Container[],
  statusPort: number,
  compat: Compat,
): RewrittenProbes {
  const probers: Record<string, unknown> = {};
  const warnings: string[] = [];
  const modern = compat === '1.30';
  const rewrite = (container: Container): Container =>
    container.name === PROXY ? container : rewriteContainer(container, statusPort, modern, probers, warnings);
  return {
    containers: containers.map(rewrite),
    initContainers: modern ? initContainers.map(rewrite) : initContainers,
    probers: Object.fromEntries(Object.entries(probers).sort(([a], [b]) => (a < b ? -1 : 1))),
    warnings,
  };
}

function rewriteContainer(
  container: Container,
  statusPort: number,
  modern: boolean,
  probers: Record<string, unknown>,
  warnings: string[],
): Container {
  const { name } = container;
  const changed: { [K in ProbeName]?: Probe } & { lifecycle?: Lifecycle } = {};
  const move = <T extends Action>(action: T, path: string, what: string): T | undefined => {
    if (goesToAgent(action, path)) return undefined;
    const prober = proberOf(action, container, modern);
    if (prober === 'none') return undefined;
    if (prober === 'unknown-port') {
      warnings.push(
        `${what} of container "${name}" names a port that the container does not have: left as it is`,
      );
      return undefined;
    }
    probers[path] = prober;
    return redirect(action, path, statusPort);
  };
  for (const [member, end] of modern ? PROBES : PROBES.slice(0, 2)) {
    const probe = container[member];
    const moved = probe && move(probe, `/app-health/${name}/${end}`, member);
    if (moved) changed[member] = moved;
  }
  const { lifecycle } = container;
  if (modern && lifecycle) {
    for (const [member, end] of HOOKS) {
      const hook = lifecycle[member];
      const moved = hook && move(hook, `/app-lifecycle/${name}/${end}`, member);
      if (moved) changed.lifecycle = { ...(changed.lifecycle ?? lifecycle), [member]: moved };
    }
  }
  return Object.keys(changed).length === 0 ? container : { ...container, ...changed };
}

/** It asks the agent already: somebody has written it so. */
function goesToAgent({ httpGet }: Action, path: string): boolean {
  return httpGet?.path === path;
}

function proberOf(
  { httpGet, tcpSocket, grpc, timeoutSeconds }: Probe,
  container: Container,
  modern: boolean,
): Fields | 'none' | 'unknown-port' {
  const rest = timeoutSeconds ? { timeoutSeconds } : {};
  const resolved = (port: Port, action: (number: number) => Fields): Fields | 'unknown-port' => {
    const number = portNumber(port, container);
    return number === undefined ? 'unknown-port' : { ...action(number), ...rest };
  };
  if (httpGet) {
    const { path, host, scheme, httpHeaders } = httpGet;
    return resolved(httpGet.port, (port) => ({
      httpGet: {
        ...(path ? { path } : {}),
        port,
        ...(host ? { host } : {}),
        ...(scheme ? { scheme } : {}),
        ...(httpHeaders && httpHeaders.length > 0 ? { httpHeaders } : {}),
      },
    }));
  }
  if (modern && tcpSocket) {
    const { host } = tcpSocket;
    return resolved(tcpSocket.port, (port) => ({ tcpSocket: { port, ...(host ? { host } : {}) } }));
  }
  if (modern && grpc) {
    const { service } = grpc;
    return resolved(grpc.port, (port) => ({ grpc: { port, ...(service ? { service } : {}) } }));
  }
  return 'none';
}

function portNumber(port: Port, { ports }: Container): number | undefined {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  return listOf(ports).find(({ name }) => name === port)?.containerPort;
}

/** The same probe, asked of the agent; period, thresholds and headers stay. */
function redirect<T extends Action>(action: T, path: string, statusPort: number): T {
  const { httpGet, tcpSocket, grpc, ...rest } = action;
  const { scheme, ...kept }: Partial<HttpGet> = httpGet ?? {};
  return {
    ...rest,
    httpGet: {
      // Null and an empty list say nothing, and would not come back when this is undone.
      ...Object.fromEntries(
        Object.entries(kept).filter(([, value]) => value !== null && !isEmptyList(value)),
      ),
      path,
      port: statusPort,
      // The agent speaks plain HTTP here; it asks the application by HTTPS.
      ...(scheme ? { scheme: scheme === 'HTTPS' ? 'HTTP' : scheme } : {}),
    },
  } as unknown as T;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

/**
 * Undoes `rewriteProbes` by what the proxy's environment says. Ports that had names have numbers afterwards.
 * @param probers the parsed value of `ISTIO_KUBE_APP_PROBERS`
 */
export function restoreProbes(container: Container, probers: Fields): Container {
  const changed: { [K in ProbeName]?: Probe } & { lifecycle?: Lifecycle } = {};
  const original = <T extends Action>(action: T, path: string): T | undefined => {
    const prober = probers[path];
    if (!goesToAgent(action, path) || !isObject(prober)) return undefined;
    const { httpGet: _moved, ...rest } = action;
    const { timeoutSeconds: _kept, ...source } = prober;
    return { ...rest, ...source } as unknown as T;
  };
  for (const [member, end] of PROBES) {
    const probe = container[member];
    const restored = probe && original(probe, `/app-health/${container.name}/${end}`);
    if (restored) changed[member] = restored;
  }
  const { lifecycle } = container;
  for (const [member, end] of HOOKS) {
    const hook = lifecycle?.[member];
    const restored = hook && original(hook, `/app-lifecycle/${container.name}/${end}`);
    if (restored) changed.lifecycle = { ...(changed.lifecycle ?? lifecycle), [member]: restored };
  }
  return Object.keys(changed).length === 0 ? container : { ...container, ...changed };
}
