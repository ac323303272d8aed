/** Outbound listeners in Envoy's words (injection-iptables-sidecar.md D.7). */
import {
  duration,
  type FilterChain,
  type FilterChainMatch,
  LISTENER,
  type Listener,
  type ListenerFilter,
  pipe,
  prefixRange,
  type RouteConfiguration,
  socketAddress,
} from './api.ts';
import { everywhere, type Families } from './everywhere.ts';
import {
  type FilterParts,
  type HttpOptions,
  httpInspector,
  httpManager,
  PLAIN_HTTP,
  tcpFilters,
  tcpProxy,
  tlsInspector,
} from './filters.ts';
import { BLACK_HOLE, fileName, PASSTHROUGH, VIRTUAL_OUTBOUND } from './names.ts';
import type { HttpPart, PlannedListener, TcpMatch, TcpPart } from './outbound-plan.ts';
import type { ProxySettings } from './proxy-settings.ts';

export interface OutboundContext {
  readonly settings: ProxySettings;
  readonly parts: FilterParts;
  /** Where connections go that are for no service. */
  readonly unknownTo: string;
  /** The workload's own IP addresses. */
  readonly ownIps: readonly string[];
  readonly routes: ReadonlyMap<string, RouteConfiguration>;
  readonly families: Families;
}

/** The name of the chain that takes what is for nobody. */
const UNKNOWN_CHAIN = 'PassthroughFilterChain';

export function outboundListener(plan: PlannedListener, context: OutboundContext): Listener {
  const { name, bound, wildcard, http, tcp } = plan;
  const { settings, parts, unknownTo, ownIps, families } = context;
  const rest = tcp.find(({ match }) => match === undefined);
  const restChain =
    rest === undefined
      ? unknownChain(UNKNOWN_CHAIN, unknownTo, parts)
      : tcpChain(name, rest, undefined, parts);
  // HTTP has to be found where something else may come: another service, or what is for nobody.
  const sniffs = http !== undefined && (wildcard || tcp.length > 0);
  const matching = tcp.flatMap((part) =>
    part.match === undefined ? [] : tcpChain(name, part, matchOf(part.match), parts),
  );
  const matched = new Set(tcp.flatMap(({ match }) => (match?.kind === 'prefixes' ? match.prefixes : [])));
  const guarded = ownIps.filter((ip) => !matched.has(ip));
  const looksAtNames = tcp.some(({ match }) => match?.kind === 'server-names');
  const chains = [
    // The own address would come back here for ever.
    ...(wildcard && guarded.length > 0 ? [loopGuard(guarded, parts)] : []),
    ...matching,
    ...(http === undefined ? [] : [httpChain(name, http, sniffs ? PLAIN_HTTP : undefined, context)]),
  ];
  const needsRest = rest !== undefined || sniffs || wildcard;
  const filters: readonly ListenerFilter[] = [
    ...(looksAtNames ? [tlsInspector()] : []),
    ...(sniffs ? [httpInspector()] : []),
  ];
  return {
    '@type': LISTENER,
    name,
    traffic_direction: 'OUTBOUND',
    ...addressesOf(plan, families),
    bind_to_port: bound ? undefined : false,
    filter_chains: chains.length === 0 ? undefined : chains,
    default_filter_chain: needsRest ? restChain : undefined,
    ...inspection(filters, settings),
  };
}

function addressesOf(
  { at, wildcard }: PlannedListener,
  families: Families,
): Pick<Listener, 'address' | 'additional_addresses'> {
  if (at.kind === 'pipe') return { address: pipe(at.path) };
  const both = wildcard && at.address === '0.0.0.0';
  return both ? everywhere(families, at.port) : { address: socketAddress(at.address, at.port) };
}

/** Listener filters, which must not keep a client waiting whose server speaks first. */
export function inspection(
  filters: readonly ListenerFilter[],
  { protocolDetectionTimeout }: Pick<ProxySettings, 'protocolDetectionTimeout'>,
): Pick<Listener, 'listener_filters' | 'listener_filters_timeout' | 'continue_on_listener_filters_timeout'> {
  if (filters.length === 0) return {};
  return {
    listener_filters: filters,
    listener_filters_timeout: duration(protocolDetectionTimeout),
    continue_on_listener_filters_timeout: true,
  };
}

/** Where redirected connections arrive: it hands them over to the listener of their destination, or is the last resort itself. */
export function virtualOutbound({ settings, parts, unknownTo, families }: OutboundContext): Listener {
  const { outboundPort, interception } = settings;
  return {
    '@type': LISTENER,
    name: VIRTUAL_OUTBOUND,
    traffic_direction: 'OUTBOUND',
    ...everywhere(families, outboundPort),
    use_original_dst: true,
    transparent: interception === 'TPROXY' ? true : undefined,
    filter_chains: [
      {
        name: 'virtualOutbound-blackhole',
        filter_chain_match: { destination_port: outboundPort },
        filters: [tcpProxy(BLACK_HOLE, parts)],
      },
    ],
    default_filter_chain: unknownChain('virtualOutbound-catchall-tcp', unknownTo, parts),
  };
}

function unknownChain(name: string, cluster: string, parts: FilterParts): FilterChain {
  return { name, filters: [tcpProxy(cluster, parts)] };
}

function loopGuard(ips: readonly string[], parts: FilterParts): FilterChain {
  return {
    name: 'own-address-blackhole',
    filter_chain_match: { prefix_ranges: ips.map(prefixRange) },
    filters: [tcpProxy(BLACK_HOLE, parts)],
  };
}

function tcpChain(
  listener: string,
  { port, cluster }: TcpPart,
  match: FilterChainMatch | undefined,
  parts: FilterParts,
): FilterChain {
  const name = match === undefined ? listener : `${listener} ${cluster}`;
  return { name, filter_chain_match: match, filters: tcpFilters(port.protocol, cluster, parts) };
}

function matchOf(match: TcpMatch): FilterChainMatch {
  return match.kind === 'prefixes'
    ? { prefix_ranges: match.prefixes.map(prefixRange) }
    : { server_names: match.names };
}

function httpChain(
  listener: string,
  { route, protocol }: HttpPart,
  match: FilterChainMatch | undefined,
  { settings, parts, routes }: OutboundContext,
): FilterChain {
  const options: HttpOptions = {
    direction: 'outbound',
    listener,
    routes: routesOf(route.name, route.kind, settings.routesIn, routes),
    protocol,
  };
  return { name: `${listener} http`, filter_chain_match: match, filters: [httpManager(options, parts)] };
}

/** The route of one service changes with its listener only, and needs no file. */
function routesOf(
  name: string,
  kind: HttpPart['route']['kind'],
  folder: string | undefined,
  routes: ReadonlyMap<string, RouteConfiguration>,
): HttpOptions['routes'] {
  const config = routes.get(name);
  if (config === undefined) throw new Error(`no route configuration ${name} was made`);
  if (folder === undefined || kind === 'single') return { kind: 'inline', config };
  return { kind: 'file', name, path: `${folder}/${fileName(name)}` };
}

/** The cluster of what is for nobody. */
export function unknownCluster(mode: 'ALLOW_ANY' | 'REGISTRY_ONLY', proxy: string | undefined): string {
  return mode === 'REGISTRY_ONLY' ? BLACK_HOLE : (proxy ?? PASSTHROUGH);
}
