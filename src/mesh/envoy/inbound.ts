/** What arrives at the workload (injection-iptables-sidecar.md D.8). */
import { isIPv6 } from 'node:net';
import type { Origin } from '../model/origin.ts';
import { type Protocol, protocolClass } from '../model/protocol.ts';
import type { DefaultEndpoint } from '../model/sidecar.ts';
import type { InboundListener, ProxyView } from '../view/view.ts';
import {
  type Address,
  CLUSTER,
  type Cluster,
  duration,
  type FilterChain,
  type FilterChainMatch,
  type JsonObject,
  LISTENER,
  type Listener,
  pipe,
  prefixRange,
  socketAddress,
} from './api.ts';
import { httpOptions, originalDestination } from './clusters.ts';
import { everywhere, familiesOf } from './everywhere.ts';
import {
  exceptPorts,
  type FilterParts,
  httpInspector,
  httpManager,
  originalDst,
  originalSrc,
  PLAIN_HTTP,
  tcpFilters,
  tcpProxy,
} from './filters.ts';
import {
  BLACK_HOLE,
  INBOUND_PASSTHROUGH,
  inboundCluster,
  listenerName,
  statName,
  VIRTUAL_INBOUND,
} from './names.ts';
import { inspection } from './outbound.ts';
import { tooLow } from './outbound-plan.ts';
import type { ProxySettings } from './proxy-settings.ts';
import { routeTo } from './routes.ts';

/** A port on which the workload is called. */
export interface InboundPlan {
  readonly name: string;
  readonly port: number;
  /** Where a listener of its own is; undefined: it is a part of `virtualInbound`. */
  readonly boundTo: string | undefined;
  /** Connections to this address only; undefined: to any. */
  readonly onlyTo: string | undefined;
  readonly protocol: Protocol;
  /** `reviews.default.svc.cluster.local:9080`, for traces. */
  readonly operation: string;
  readonly cluster: string;
  readonly application: Application;
  readonly origin: Origin;
}

/** Where the application is. `asked`: at the address that the client called. */
export type Application =
  | { readonly kind: 'address'; readonly address: string; readonly port: number; readonly loops: boolean }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'asked' };

/**
 * Connections from this address are Envoy's own, and iptables lets them pass to the application: everything else to the
 * workload's own address would be redirected to Envoy again.
 */
const OWN_SOURCE = '127.0.0.6';
const OWN_SOURCE_6 = '::6';
/** Of Envoy's own packets, where the client's address is kept (`iptables --mark 1337`). */
const OWN_MARK = 1337;

export function planInbound(
  view: ProxyView,
  { interception, lowestPort }: Pick<ProxySettings, 'interception' | 'lowestPort'>,
): {
  readonly ports: readonly InboundPlan[];
  readonly notes: readonly string[];
} {
  const { inbound, localhost } = view;
  const notes: string[] = [];
  const plans =
    inbound.kind === 'listeners'
      ? inbound.listeners.flatMap((each) => planListener(each, view, interception, notes))
      : // Nothing brings a client to Envoy, and the application has the port itself.
        interception === 'NONE'
        ? []
        : inbound.ports.map(
            ({ service, port, targetPort }): InboundPlan => ({
              name: listenerName(localhost === '::1' ? '::' : '0.0.0.0', targetPort),
              port: targetPort,
              boundTo: undefined,
              onlyTo: undefined,
              protocol: port.protocol,
              operation: `${service.hostname}:${port.number}`,
              cluster: inboundCluster(targetPort),
              application:
                interception === 'TPROXY'
                  ? { kind: 'asked' }
                  : { kind: 'address', address: localhost, port: targetPort, loops: false },
              origin: port.origin,
            }),
          );
  const ports = new Map<number, InboundPlan>();
  for (const plan of plans) {
    const refused = plan.boundTo !== undefined && plan.port < lowestPort;
    if (refused) notes.push(tooLow(`ingress listener ${plan.name}`, lowestPort));
    else if (!ports.has(plan.port)) ports.set(plan.port, plan);
  }
  return { ports: [...ports.values()], notes };
}

function planListener(
  { listener, address, hostname, service }: InboundListener,
  view: ProxyView,
  interception: ProxySettings['interception'],
  notes: string[],
): readonly InboundPlan[] {
  const { port, bind, captureMode, defaultEndpoint, origin } = listener;
  if (port.protocol === 'UDP') return [];
  const bound = interception === 'NONE' || captureMode === 'NONE';
  const anywhere = view.localhost === '::1' ? '::' : '0.0.0.0';
  const at = address ?? anywhere;
  const application = applicationOf(defaultEndpoint, port.number, view, bound, interception);
  if (bound && application.kind === 'address' && application.port === port.number) {
    const everywhere = at === '0.0.0.0' || at === '::';
    if (everywhere || application.address === at) {
      notes.push(
        `ingress port ${port.number} (${origin.file}:${origin.line}) is left out: the listener on ${at} would call itself; ` +
          'give defaultEndpoint another port, or bind another address',
      );
      return [];
    }
  }
  return [
    {
      name: listenerName(at, port.number),
      port: port.number,
      boundTo: bound ? at : undefined,
      onlyTo: bound || bind === undefined || bind === '0.0.0.0' || bind === '::' ? undefined : bind,
      protocol: port.protocol,
      operation: `${hostname}:${service?.port.number ?? port.number}`,
      cluster: inboundCluster(port.number),
      application,
      origin,
    },
  ];
}

function applicationOf(
  endpoint: DefaultEndpoint,
  listenerPort: number,
  { workload, localhost }: ProxyView,
  bound: boolean,
  interception: ProxySettings['interception'],
): Application {
  switch (endpoint.kind) {
    case 'loopback':
      return { kind: 'address', address: endpoint.address, port: endpoint.port, loops: false };
    case 'unix':
      return { kind: 'unix', path: endpoint.path };
    case 'instance':
    case 'same-port': {
      if (endpoint.kind === 'same-port') {
        if (bound) return { kind: 'address', address: localhost, port: listenerPort, loops: false };
        if (interception === 'TPROXY') return { kind: 'asked' };
      }
      const port = endpoint.kind === 'instance' ? endpoint.port : listenerPort;
      const wanted = (ip: string) => endpoint.kind === 'same-port' || isIPv6(ip) === (endpoint.family === 6);
      const own = workload.addresses.find((ip) => /^[\d.]+$|:.*:/.test(ip) && wanted(ip));
      return { kind: 'address', address: own ?? localhost, port, loops: own !== undefined };
    }
  }
}

export function inboundClusters(
  plans: readonly InboundPlan[],
  settings: ProxySettings,
  view: ProxyView,
): readonly Cluster[] {
  const captured = settings.interception !== 'NONE';
  return [
    ...plans.map((plan) => clusterOf(plan, settings)),
    ...(captured ? [originalDestination(INBOUND_PASSTHROUGH, settings, ownSource(settings, view))] : []),
  ];
}

function clusterOf({ cluster: name, application, protocol }: InboundPlan, settings: ProxySettings): Cluster {
  const captured = settings.interception === 'REDIRECT';
  if (application.kind === 'asked') {
    return {
      ...originalDestination(name, settings),
      typed_extension_protocol_options: httpOptions(protocol),
    };
  }
  const loops = application.kind === 'address' && application.loops && captured;
  const six = application.kind === 'address' && isIPv6(application.address);
  return {
    '@type': CLUSTER,
    name,
    alt_stat_name: statName(name),
    type: 'STATIC',
    connect_timeout: duration(settings.connectTimeout),
    lb_policy: 'ROUND_ROBIN',
    circuit_breakers: undefined,
    upstream_bind_config: loops ? sourceAddress(six ? OWN_SOURCE_6 : OWN_SOURCE) : undefined,
    typed_extension_protocol_options: httpOptions(protocol),
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(application) } }] }],
    },
  };
}

function addressOf(application: Exclude<Application, { kind: 'asked' }>): Address {
  return application.kind === 'unix'
    ? pipe(application.path)
    : socketAddress(application.address, application.port);
}

/** With TPROXY the source is the client's, and a mark tells the connection apart. */
function ownSource(
  { interception }: ProxySettings,
  { workload, localhost }: ProxyView,
): JsonObject | undefined {
  if (interception === 'TPROXY') return undefined;
  if (localhost === '::1') return sourceAddress(OWN_SOURCE_6);
  const six = workload.addresses.some((ip) => isIPv6(ip));
  return {
    ...sourceAddress(OWN_SOURCE),
    ...(six ? { extra_source_addresses: [{ address: { address: OWN_SOURCE_6, port_value: 0 } }] } : {}),
  };
}

function sourceAddress(address: string): JsonObject {
  return { source_address: { address, port_value: 0 } };
}

/** Listeners with a socket of their own. */
export function boundInbound(
  plans: readonly InboundPlan[],
  settings: ProxySettings,
  parts: FilterParts,
): readonly Listener[] {
  return plans.flatMap((plan): readonly Listener[] => {
    const { name, port, boundTo, protocol } = plan;
    if (boundTo === undefined) return [];
    const [rest, ...chains] = chainsOf(plan, {}, parts).toReversed();
    return [
      {
        '@type': LISTENER,
        name,
        traffic_direction: 'INBOUND',
        address: socketAddress(boundTo, port),
        filter_chains: chains.length === 0 ? undefined : chains,
        default_filter_chain: rest,
        ...inspection(protocolClass(protocol) === 'auto' ? [httpInspector()] : [], settings),
      },
    ];
  });
}

/** Where redirected connections arrive: a chain for each known port, and the way through for the others. */
export function virtualInbound(
  plans: readonly InboundPlan[],
  settings: ProxySettings,
  view: ProxyView,
  parts: FilterParts,
): Listener {
  const { inboundPort, outboundPort, interception } = settings;
  const captured = plans.filter(({ boundTo }) => boundTo === undefined);
  const known = captured.filter(({ protocol }) => protocolClass(protocol) !== 'auto').map(({ port }) => port);
  // The client's address cannot be kept on the way to loopback or a Unix socket.
  const local = captured.filter(({ application }) => application.kind !== 'asked').map(({ port }) => port);
  const passthrough = passthroughRoute(parts);
  return {
    '@type': LISTENER,
    name: VIRTUAL_INBOUND,
    traffic_direction: 'INBOUND',
    ...everywhere(familiesOf(view), inboundPort),
    transparent: interception === 'TPROXY' ? true : undefined,
    filter_chains: [
      // Whoever calls Envoy's own ports would come back here for ever.
      ...[inboundPort, outboundPort].map((port) => ({
        name: 'virtualInbound-blackhole',
        filter_chain_match: { destination_port: port },
        filters: [tcpProxy(BLACK_HOLE, parts)],
      })),
      ...captured.flatMap((plan) => {
        const to = plan.onlyTo === undefined ? {} : { prefix_ranges: [prefixRange(plan.onlyTo)] };
        return chainsOf(plan, { destination_port: plan.port, ...to }, parts);
      }),
      { name: 'virtualInbound-catchall-http', filter_chain_match: PLAIN_HTTP, filters: [passthrough] },
    ],
    default_filter_chain: { name: VIRTUAL_INBOUND, filters: [tcpProxy(INBOUND_PASSTHROUGH, parts)] },
    ...inspection(
      [
        originalDst(),
        ...(interception === 'TPROXY' ? [exceptPorts(originalSrc(OWN_MARK), local)] : []),
        exceptPorts(httpInspector(), known),
      ],
      settings,
    ),
  };
}

function passthroughRoute(parts: FilterParts) {
  return httpManager(
    {
      direction: 'inbound',
      listener: VIRTUAL_INBOUND,
      protocol: 'auto',
      routes: { kind: 'inline', config: everything(INBOUND_PASSTHROUGH, 'inbound|http|0', ':0') },
    },
    parts,
  );
}

/** The chains of a port, the one for what is left last. */
function chainsOf(plan: InboundPlan, match: FilterChainMatch, parts: FilterParts): readonly FilterChain[] {
  const { name, protocol, cluster, operation, port } = plan;
  const kind = protocolClass(protocol);
  const rest = Object.keys(match).length === 0 ? undefined : match;
  const tcp = (): FilterChain => ({
    name,
    filter_chain_match: rest,
    filters: tcpFilters(protocol, cluster, parts),
  });
  const http = (chainMatch: FilterChainMatch | undefined): FilterChain => ({
    name: kind === 'auto' ? `${name} http` : name,
    filter_chain_match: chainMatch,
    filters: [
      httpManager(
        {
          direction: 'inbound',
          listener: name,
          protocol,
          routes: { kind: 'inline', config: everything(cluster, `inbound|http|${port}`, operation) },
        },
        parts,
      ),
    ],
  });
  if (kind === 'http') return [http(rest)];
  return kind === 'auto' ? [http({ ...match, ...PLAIN_HTTP }), tcp()] : [tcp()];
}

function everything(cluster: string, host: string, operation: string) {
  return {
    name: cluster,
    virtual_hosts: [{ name: host, domains: ['*'], routes: [routeTo(cluster, operation)] }],
    validate_clusters: false,
  };
}
