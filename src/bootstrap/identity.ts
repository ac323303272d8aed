import { isIPv4 } from 'node:net';
import type { AgentConfig } from '../config/agent-config.ts';
import { type InterfaceAddress, normalizeIp } from '../platform/addresses.ts';
import { nodeCluster } from './node-cluster.ts';

export interface NodeIdentity {
  /** `sidecar~IP~POD.NAMESPACE~DOMAIN`: what the control plane knows this proxy by. */
  readonly nodeId: string;
  /** The third part of `nodeId`. */
  readonly id: string;
  readonly domain: string;
  readonly trustDomain: string;
  readonly cluster: string;
  /** Canonical, each once, the proxy's own first. */
  readonly ips: readonly string[];
  readonly ipMode: 'v4' | 'v6' | 'dual';
  readonly localhost: '127.0.0.1' | '::1';
  readonly wildcard: '0.0.0.0' | '::';
  /** With `dual`: the wildcard of the other family. */
  readonly additionalWildcard: '0.0.0.0' | '::' | undefined;
  readonly dnsLookupFamily: 'V4_ONLY' | 'V6_ONLY' | 'ALL';
}

export interface IdentityInput {
  readonly config: AgentConfig;
  readonly addresses: readonly InterfaceAddress[];
  /** Labels of the pod; they name the cluster. */
  readonly labels: ReadonlyMap<string, string>;
  readonly workloadName: string | undefined;
  /** Name of the machine: in a pod it is the name of the pod. */
  readonly hostname: string | undefined;
}

/**
 * Who this proxy is (reference/pilot-agent-1.5.md §1.4, pilot-agent-1.30.md §1.1 and §6.2).
 *
 * IPs: `--ip`, or `INSTANCE_IP`, before those of the interfaces; without any, loopback. Where `POD_NAME` is not set the id
 * takes the host name instead, then the address: the original's `.namespace` names nothing.
 */
export function resolveIdentity(input: IdentityInput): NodeIdentity {
  const { config } = input;
  const ips = proxyIps(config, input.addresses);
  const ip = ips[0] ?? '127.0.0.1';
  const id = config.id ?? defaultId(input, ip);
  const domain = config.domain ?? defaultDomain(config);
  return {
    nodeId: `${config.role}~${ip}~${id}~${domain}`,
    id,
    domain,
    trustDomain: config.trustDomain,
    cluster: nodeCluster({ config, labels: input.labels, workloadName: input.workloadName }),
    ips,
    ...addressFamily(ips, config.dualStack),
  };
}

function proxyIps(config: AgentConfig, addresses: readonly InterfaceAddress[]): readonly string[] {
  const given = config.ip ?? config.instanceIp;
  const own = given === undefined ? [] : [normalizeIp(given) ?? given];
  const found = addresses
    .filter((entry) => !config.excludeInterfaces.includes(entry.interface))
    .map((entry) => entry.address);
  const ips = [...new Set([...own, ...found])];
  return ips.length === 0 ? ['127.0.0.1', '::1'] : ips;
}

function defaultId({ config, hostname }: IdentityInput, ip: string): string {
  if (config.serviceRegistry === 'Consul') return `${ip}.service.consul`;
  if (config.serviceRegistry === 'Mock') return ip;
  const name = config.podName ?? (hostname || ip.replaceAll(/[^0-9a-f]+/g, '-'));
  return `${name}.${config.podNamespace ?? 'default'}`;
}

function defaultDomain(config: AgentConfig): string {
  if (config.serviceRegistry === 'Consul') return 'service.consul';
  if (config.serviceRegistry === 'Mock') return '';
  return `${config.podNamespace ?? 'default'}.svc.cluster.local`;
}

type AddressFamily = Pick<
  NodeIdentity,
  'ipMode' | 'localhost' | 'wildcard' | 'additionalWildcard' | 'dnsLookupFamily'
>;

const V4: AddressFamily = {
  ipMode: 'v4',
  localhost: '127.0.0.1',
  wildcard: '0.0.0.0',
  additionalWildcard: undefined,
  dnsLookupFamily: 'V4_ONLY',
};
const V6: AddressFamily = {
  ipMode: 'v6',
  localhost: '::1',
  wildcard: '::',
  additionalWildcard: undefined,
  dnsLookupFamily: 'V6_ONLY',
};

/** Addresses of both families count as IPv4 unless dual stack was asked for; then the first one's family leads. */
function addressFamily(ips: readonly string[], dualStack: boolean): AddressFamily {
  const v4 = ips.filter(isIPv4).length;
  if (v4 === 0) return V6;
  if (v4 === ips.length || !dualStack) return V4;
  const [first, other] = isIPv4(ips[0] ?? '') ? [V4, V6] : [V6, V4];
  return { ...first, ipMode: 'dual', additionalWildcard: other.wildcard, dnsLookupFamily: 'ALL' };
}
