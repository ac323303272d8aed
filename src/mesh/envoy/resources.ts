/** The door of this folder: what Envoy is to be set up with for what a sidecar sees of a mesh. */
import { isIP } from 'node:net';
import type { EgressProxy } from '../model/sidecar.ts';
import type { ProxyView } from '../view/view.ts';
import { accessLog } from './access-log.ts';
import { type Cluster, type Endpoints, type Listener, ROUTES, type RouteConfiguration } from './api.ts';
import {
  carriedPorts,
  collectorCluster,
  outboundClusters,
  outboundEndpoints,
  specialClusters,
} from './clusters.ts';
import { familiesOf } from './everywhere.ts';
import { boundInbound, type InboundPlan, inboundClusters, planInbound, virtualInbound } from './inbound.ts';
import { outboundCluster } from './names.ts';
import { outboundListener, unknownCluster, virtualOutbound } from './outbound.ts';
import { type OutboundPlan, planOutbound } from './outbound-plan.ts';
import type { ProxySettings } from './proxy-settings.ts';
import { routeConfiguration } from './routes.ts';
import { collectorOf, httpTracing } from './tracing.ts';

/** v3 resources in protobuf's JSON. Order and content are the same for the same view and settings. */
export interface Resources {
  readonly listeners: readonly Listener[];
  readonly clusters: readonly Cluster[];
  /** One for each RDS file; those of a single service, and all without `routesIn`, are in their listeners. */
  readonly routes: readonly (RouteConfiguration & { readonly '@type': string })[];
  /** One for each EDS file; none without `endpointsIn`. */
  readonly endpoints: readonly Endpoints[];
  /** What the view asks for and cannot be had, for people. */
  readonly notes: readonly string[];
}

/** What the resources are made from, for whoever explains them. */
export interface Plan {
  readonly outbound: OutboundPlan;
  readonly inbound: readonly InboundPlan[];
  /** Where connections go that are for no service. */
  readonly unknownTo: string;
  readonly notes: readonly string[];
}

export function planFor(
  view: ProxyView,
  settings: Pick<ProxySettings, 'interception' | 'httpProxyPort' | 'lowestPort'>,
): Plan {
  const outbound = planOutbound(view, settings);
  const inbound = planInbound(view, settings);
  const { cluster, note } = egressProxyOf(view);
  return {
    outbound,
    inbound: inbound.ports,
    unknownTo: cluster,
    notes: [...outbound.notes, ...inbound.notes, ...note],
  };
}

/** Pure: what is on disk and what Envoy has had before play no part. */
export function resourcesFor(view: ProxyView, settings: ProxySettings): Resources {
  return resourcesOf(planFor(view, settings), view, settings);
}

/** Names of the routes that may have files. */
export function sharedRoutes({ outbound }: Pick<Plan, 'outbound'>): readonly string[] {
  const routes = outbound.listeners.flatMap(({ http }) => http?.route ?? []);
  return [...new Set(routes.filter(({ kind }) => kind !== 'single').map(({ name }) => name))];
}

export function resourcesOf(plan: Plan, view: ProxyView, settings: ProxySettings): Resources {
  const { outbound, inbound, unknownTo, notes } = plan;
  const collector = collectorOf(view, settings);
  const parts = {
    accessLog: accessLog(settings.accessLog),
    tracing: collector === undefined ? undefined : httpTracing(collector),
  };
  const blocked = unknownTo === unknownCluster('REGISTRY_ONLY', undefined);
  const routeSettings = {
    namespace: view.workload.namespace,
    domain: settings.domain,
    unknownTo: blocked ? undefined : unknownTo,
  };
  const plans = outbound.listeners.flatMap(({ http }) => http?.route ?? []);
  const routes = new Map(plans.map((plan) => [plan.name, routeConfiguration(plan, routeSettings)]));
  const context = {
    settings,
    parts,
    unknownTo,
    routes,
    ownIps: view.workload.addresses.filter((address) => isIP(address) !== 0),
    families: familiesOf(view),
  } as const;
  const captured = settings.interception !== 'NONE';
  return {
    listeners: [
      ...boundInbound(inbound, settings, parts),
      ...outbound.listeners.map((plan) => outboundListener(plan, context)),
      ...(captured ? [virtualOutbound(context), virtualInbound(inbound, settings, view, parts)] : []),
    ],
    clusters: [
      ...outboundClusters(view, settings),
      ...specialClusters(settings),
      ...(collector?.own === true ? [collectorCluster(collector, view, settings)] : []),
      ...inboundClusters(inbound, settings, view),
    ],
    routes: (settings.routesIn === undefined ? [] : sharedRoutes(plan)).flatMap((name) => {
      const config = routes.get(name);
      return config === undefined ? [] : [{ '@type': ROUTES, ...config }];
    }),
    endpoints: outboundEndpoints(view, settings),
    notes,
  };
}

/** Where unknown traffic goes: a proxy of the mesh that the Sidecar names, where it wants to, or nowhere. */
function egressProxyOf(view: ProxyView): { readonly cluster: string; readonly note: readonly string[] } {
  const { mode, egressProxy } = view.outboundTrafficPolicy;
  if (egressProxy === undefined || mode === 'REGISTRY_ONLY') {
    return { cluster: unknownCluster(mode, undefined), note: [] };
  }
  if (isVisible(view, egressProxy)) {
    return { cluster: unknownCluster(mode, outboundCluster(egressProxy.host, egressProxy.port)), note: [] };
  }
  const note =
    `egressProxy ${egressProxy.host}:${egressProxy.port} is not among the services that this sidecar sees: ` +
    'unknown traffic is blocked; add its host to egress';
  return { cluster: unknownCluster('REGISTRY_ONLY', undefined), note: [note] };
}

function isVisible(view: ProxyView, { host, port }: EgressProxy): boolean {
  return carriedPorts(view).some(
    ({ service, port: own }) => service.hostname === host && own.number === port,
  );
}
