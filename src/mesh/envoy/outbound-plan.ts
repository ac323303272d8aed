/** Which listener takes what an application sends, before any of it is in Envoy's words (injection-iptables-sidecar.md D.7). */
import { isIP } from 'node:net';
import type { Origin } from '../model/origin.ts';
import { isTls, type Protocol, protocolClass } from '../model/protocol.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { EgressView, ExposedService, ProxyView } from '../view/view.ts';
import { carriedPorts } from './clusters.ts';
import { listenerName, outboundCluster } from './names.ts';
import type { ProxySettings } from './proxy-settings.ts';

export interface PlannedListener {
  readonly name: string;
  readonly at:
    | { readonly kind: 'ip'; readonly address: string; readonly port: number }
    | { readonly kind: 'pipe'; readonly path: string };
  /** Whether it has a socket of its own; otherwise `virtualOutbound` hands connections over to it. */
  readonly bound: boolean;
  /** It takes a port of every address, so that it gets what is for nobody in the mesh too. */
  readonly wildcard: boolean;
  readonly http: HttpPart | undefined;
  readonly tcp: readonly TcpPart[];
  /** The Sidecar's listener that it comes from; undefined for what is built in. */
  readonly origin: Origin | undefined;
}

export interface HttpPart {
  readonly route: RoutePlan;
  readonly protocol: Protocol;
}

/** One route configuration. */
export interface RoutePlan {
  readonly name: string;
  /**
   * `port`: the services that have the port, told apart by their names. `single`: one service, whatever the name. `proxy`: services
   * with all of their ports, told apart by name and port.
   */
  readonly kind: 'port' | 'single' | 'proxy';
  readonly targets: readonly Target[];
}

export interface Target {
  readonly service: Service;
  readonly port: ServicePort;
}

export interface TcpPart extends Target {
  readonly cluster: string;
  /** Undefined: whatever nothing else matches. */
  readonly match: TcpMatch | undefined;
}

export type TcpMatch =
  | { readonly kind: 'prefixes'; readonly prefixes: readonly string[] }
  | { readonly kind: 'server-names'; readonly names: readonly string[] };

export interface OutboundPlan {
  readonly listeners: readonly PlannedListener[];
  /** What could not be had beside something else, for people. */
  readonly notes: readonly string[];
}

type PlanSettings = Pick<ProxySettings, 'interception' | 'httpProxyPort' | 'lowestPort'>;
type Draft = Omit<PlannedListener, 'http' | 'tcp'> & {
  http: HttpPart | undefined;
  readonly tcp: TcpPart[];
  /** Whom each prefix and each server name belongs to; `*`: whatever nothing else matches. */
  readonly owners: Map<string, TcpPart>;
  /** Its port is for a protocol whose server speaks first. */
  serverFirst: TcpPart | undefined;
};

/** Ports on which the server speaks first share no listener: looking for the client's first bytes would delay each connection. */
const SERVER_FIRST: readonly Protocol[] = ['MySQL', 'Mongo'];
const HTTP_PROXY_ROUTE = 'http_proxy';

export function planOutbound(view: ProxyView, settings: PlanSettings): OutboundPlan {
  const planner = createPlanner(view, settings);
  for (const egress of view.egress) planner.add(egress);
  if (settings.httpProxyPort > 0) planner.addHttpProxy(settings.httpProxyPort);
  return planner.plan();
}

function createPlanner(view: ProxyView, { interception, lowestPort }: PlanSettings) {
  const drafts = new Map<string, Draft>();
  const notes = new Set<string>();
  const clusters = new Set(
    carriedPorts(view).map(({ service, port }) => outboundCluster(service.hostname, port.number)),
  );
  const anywhere = view.localhost === '::1' ? '::' : '0.0.0.0';
  const ownIps = new Set(view.workload.addresses);

  const draftAt = (address: string, port: number, bound: boolean, origin: Origin | undefined): Draft => {
    const name = listenerName(address, port);
    const wildcard = !bound && (address === '0.0.0.0' || address === '::');
    const draft: Draft = drafts.get(name) ?? {
      name,
      at: { kind: 'ip', address, port },
      bound,
      wildcard,
      ...nothing(),
      origin,
    };
    drafts.set(name, draft);
    return draft;
  };

  const addHttp = (draft: Draft, http: HttpPart) => {
    const first = draft.serverFirst;
    if (first !== undefined) {
      const lost = http.route.targets.map(({ service }) => service.hostname).join(', ');
      notes.add(
        `${draft.name} is for ${first.port.protocol} (${first.service.hostname}): no HTTP there to ${lost}`,
      );
    } else if (draft.http === undefined) draft.http = http;
  };

  const addTcp = (draft: Draft, target: Target, wanted: TcpMatch | undefined) => {
    const { service, port } = target;
    const serverFirst = SERVER_FIRST.includes(port.protocol);
    const [free, taken] = divide(keysOf(wanted), (key) => !draft.owners.has(key));
    if (serverFirst && draft.http !== undefined) {
      notes.add(leftOut(draft, 'HTTP', target));
      return;
    }
    for (const key of taken) {
      // Sniffed ports share their routes; only what is not HTTP has to go to one of them.
      const shared = port.protocol === 'auto' && draft.http !== undefined && draft.http.route.kind === 'port';
      if (!shared) notes.add(leftOut(draft, draft.owners.get(key)?.service.hostname ?? '', target));
    }
    if (free.length === 0) return;
    const match: TcpMatch | undefined = wanted?.kind === 'prefixes' ? { ...wanted, prefixes: free } : wanted;
    const part: TcpPart = { service, port, match, cluster: outboundCluster(service.hostname, port.number) };
    draft.tcp.push(part);
    for (const key of free) draft.owners.set(key, part);
    if (serverFirst) draft.serverFirst ??= part;
  };

  const targetsOf = (services: readonly ExposedService[], wanted: (port: ServicePort) => boolean) =>
    services.flatMap(({ service, ports }) =>
      ports
        .filter((port) => wanted(port) && clusters.has(outboundCluster(service.hostname, port.number)))
        .map((port): Target => ({ service, port })),
    );
  const speaksHttp = ({ protocol }: ServicePort) => ['http', 'auto'].includes(protocolClass(protocol));
  const portRoute = ({ services }: EgressView, number: number): RoutePlan => ({
    name: String(number),
    kind: 'port',
    targets: targetsOf(services, (port) => port.number === number && speaksHttp(port)),
  });

  const addOnPort = (egress: EgressView) => {
    const { listener, services } = egress;
    if (listener.kind !== 'port') return;
    const { number, protocol } = listener.port;
    const bound = interception === 'NONE' || listener.captureMode === 'NONE';
    const address = listener.bind ?? (bound ? view.localhost : anywhere);
    const kind = protocolClass(protocol);
    const all = targetsOf(services, () => true);
    if (all.length === 0 || kind === 'udp') return;
    const draft = draftAt(address, number, bound, listener.origin);
    if (protocol === 'HTTP_PROXY') {
      addHttp(draft, {
        protocol,
        route: { name: String(number), kind: 'proxy', targets: targetsOf(services, speaksHttp) },
      });
      return;
    }
    if (kind !== 'tcp') addHttp(draft, { protocol, route: portRoute(egress, number) });
    if (kind !== 'http') {
      for (const target of all) {
        // Where both may come, what is known to be HTTP claims nothing of the rest.
        if (kind === 'auto' && protocolClass(target.port.protocol) === 'http') continue;
        addTcp(draft, target, matchOnPort(target, isTls(protocol), bound));
      }
    }
  };

  const addSocket = ({ listener, services }: EgressView) => {
    if (listener.kind !== 'socket') return;
    const { path, port, origin } = listener;
    const name = `unix://${path}`;
    const draft: Draft = {
      name: listenerName(name, 0),
      at: { kind: 'pipe', path },
      bound: true,
      wildcard: false,
      ...nothing(),
      origin,
    };
    const [first] = targetsOf(services, () => true);
    if (first === undefined || port.protocol === 'UDP') return;
    drafts.set(draft.name, draft);
    if (protocolClass(port.protocol) === 'tcp') addTcp(draft, first, undefined);
    else {
      addHttp(draft, {
        protocol: port.protocol,
        route: { name, kind: 'proxy', targets: targetsOf(services, speaksHttp) },
      });
    }
  };

  const addCatchAll = (egress: EgressView) => {
    const { listener, services, lockedPorts } = egress;
    if (listener.kind !== 'catch-all') return;
    const bound = interception === 'NONE' || listener.captureMode === 'NONE';
    const base = listener.bind ?? (bound ? view.localhost : undefined);
    const routes = new Map<number, RoutePlan>();
    const sharedRoute = (number: number): RoutePlan => {
      const route = routes.get(number) ?? portRoute(egress, number);
      routes.set(number, route);
      return route;
    };
    for (const target of targetsOf(services, ({ number }) => !lockedPorts.includes(number))) {
      const { service, port } = target;
      const { number, protocol } = port;
      const kind = protocolClass(protocol);
      if (kind === 'http') {
        addHttp(draftAt(base ?? anywhere, number, bound, listener.origin), {
          protocol,
          route: sharedRoute(number),
        });
        continue;
      }
      for (const { address, match, own } of placesOf(target, base, anywhere, ownIps)) {
        const draft = draftAt(address, number, bound, listener.origin);
        addTcp(draft, target, match);
        if (kind !== 'auto') continue;
        const route: RoutePlan = own
          ? { name: `${service.hostname}:${number}`, kind: 'single', targets: [target] }
          : sharedRoute(number);
        addHttp(draft, { protocol, route });
      }
    }
  };

  /** A listener that Envoy may not bind would have it refuse the others as well. */
  const reachable = (listeners: readonly PlannedListener[]): OutboundPlan => {
    const refused = listeners.filter(({ at, bound }) => bound && at.kind === 'ip' && at.port < lowestPort);
    const more = refused.map(({ name }) => tooLow(`listener ${name}`, lowestPort));
    return { listeners: listeners.filter((each) => !refused.includes(each)), notes: [...notes, ...more] };
  };

  return {
    add: (egress: EgressView): void => {
      addOnPort(egress);
      addSocket(egress);
      addCatchAll(egress);
    },
    addHttpProxy: (port: number): void => {
      const targets = targetsOf(view.services, speaksHttp);
      addHttp(draftAt(view.localhost, port, true, undefined), {
        protocol: 'HTTP_PROXY',
        route: { name: HTTP_PROXY_ROUTE, kind: 'proxy', targets },
      });
    },
    plan: (): OutboundPlan => {
      const made = [...drafts.values()].filter(({ http, tcp }) => http !== undefined || tcp.length > 0);
      return reachable(made.map(({ owners: _, serverFirst: __, ...listener }) => listener));
    },
  };
}

const nothing = (): Pick<Draft, 'http' | 'tcp' | 'owners' | 'serverFirst'> => ({
  http: undefined,
  tcp: [],
  owners: new Map(),
  serverFirst: undefined,
});

/** What Envoy would refuse to find in two filter chains of a listener. */
function keysOf(match: TcpMatch | undefined): readonly string[] {
  if (match === undefined) return ['*'];
  return match.kind === 'prefixes' ? match.prefixes : match.names;
}

function divide<T>(list: readonly T[], is: (one: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [list.filter(is), list.filter((one) => !is(one))];
}

function leftOut({ name }: Draft, winner: string, { service, port }: Target): string {
  return (
    `${name} is for ${winner} already: nothing there tells ${service.hostname}:${port.number} apart, ` +
    'and it is left out'
  );
}

/** Why a listener with a socket of its own is left out. */
export function tooLow(what: string, lowestPort: number): string {
  return (
    `${what} is left out: Envoy's user may not listen on ports below ${lowestPort}; give the service another port, or ` +
    'sysctl net.ipv4.ip_unprivileged_port_start=0'
  );
}

interface Place {
  readonly address: string;
  readonly match: TcpMatch | undefined;
  /** Whether the address is the service's alone. */
  readonly own: boolean;
}

/** Where connections to a TCP port of a service arrive on a catch-all listener. */
function placesOf(
  { service, port }: Target,
  base: string | undefined,
  anywhere: string,
  ownIps: ReadonlySet<string>,
): readonly Place[] {
  const { hostname, addresses, headless, endpoints } = service;
  if (base !== undefined) return [{ address: base, match: serverNames(hostname, port), own: false }];
  const vips = addresses.filter((address) => isIP(address) !== 0);
  const ranges = addresses.filter((address) => address.includes('/'));
  const places: Place[] = vips.map((address) => ({ address, match: undefined, own: true }));
  if (ranges.length > 0) {
    places.push({ address: anywhere, match: { kind: 'prefixes', prefixes: ranges }, own: false });
  }
  if (places.length > 0) return places;
  if (headless && port.protocol !== 'auto') {
    // Its clients get the addresses of its endpoints from DNS.
    const ips = endpoints.flatMap(({ kind, address }) => (kind === 'ip' ? address : []));
    const others = [...new Set(ips)].filter((address) => !ownIps.has(address));
    return others.map((address) => ({ address, match: undefined, own: true }));
  }
  return [{ address: anywhere, match: serverNames(hostname, port), own: false }];
}

/** What tells a service apart on a listener that several may share. */
function matchOnPort({ service, port }: Target, tls: boolean, bound: boolean): TcpMatch | undefined {
  const { hostname, addresses } = service;
  if (tls || isTls(port.protocol)) return serverNames(hostname, port, tls);
  // A connection to a socket of ours has our own address for its destination.
  return bound || addresses.length === 0 ? undefined : { kind: 'prefixes', prefixes: addresses };
}

function serverNames(hostname: string, { protocol }: ServicePort, tls = false): TcpMatch | undefined {
  return tls || isTls(protocol) ? { kind: 'server-names', names: [hostname] } : undefined;
}
