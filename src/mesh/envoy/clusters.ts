/** Where requests go (injection-iptables-sidecar.md D.9). */
import { isIP, isIPv6 } from 'node:net';
import { isHttp2, type Protocol, protocolClass } from '../model/protocol.ts';
import type { Service, ServicePort } from '../model/service.ts';
import type { ProxyView } from '../view/view.ts';
import {
  CLUSTER,
  type Cluster,
  duration,
  ENDPOINTS,
  type Endpoints,
  type Extension,
  type JsonObject,
  socketAddress,
  type TypedConfig,
  typeUrl,
} from './api.ts';
import { loadAssignment } from './endpoints.ts';
import { BLACK_HOLE, fileName, outboundCluster, PASSTHROUGH, statName } from './names.ts';
import type { ProxySettings } from './proxy-settings.ts';
import type { Collector } from './tracing.ts';

export type ClusterSettings = Pick<
  ProxySettings,
  'connectTimeout' | 'endpointsIn' | 'endpointFiles' | 'interception'
>;

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const UNLIMITED = 4_294_967_295;
/** The application decides how much it takes; a limit here would only turn waiting into errors. */
const NO_LIMITS: JsonObject = {
  thresholds: [
    {
      max_connections: UNLIMITED,
      max_pending_requests: UNLIMITED,
      max_requests: UNLIMITED,
      max_retries: UNLIMITED,
    },
  ],
};

/** The cluster of each visible port that Envoy can carry, in the order of the services. */
export function outboundClusters(view: ProxyView, settings: ClusterSettings): readonly Cluster[] {
  const family = dnsFamily(view);
  return carriedPorts(view).map(({ service, port }) => outbound(service, port, family, settings));
}

/** What the EDS files hold; nothing for clusters that have their endpoints themselves. */
export function outboundEndpoints(view: ProxyView, settings: ClusterSettings): readonly Endpoints[] {
  const { endpointsIn, endpointFiles } = settings;
  if (endpointsIn === undefined) return [];
  const ports = discoveredPorts(view, settings).filter(
    ({ service, port }) => endpointFiles?.has(outboundCluster(service.hostname, port.number)) !== false,
  );
  return ports.map(({ service, port }) => ({
    '@type': ENDPOINTS,
    ...loadAssignment(service, port),
  }));
}

/** The ports whose endpoints may have a file. */
export function discoveredPorts(
  view: ProxyView,
  { interception }: Pick<ProxySettings, 'interception'>,
): readonly CarriedPort[] {
  return carriedPorts(view).filter(({ service }) => discovery(service, interception) === 'static');
}

export interface CarriedPort {
  readonly service: Service;
  readonly port: ServicePort;
}

/** Every port there is a cluster for. */
export function carriedPorts({ services }: ProxyView): readonly CarriedPort[] {
  return services.flatMap(({ service, ports }) =>
    ports.filter(({ protocol }) => protocol !== 'UDP').map((port) => ({ service, port })),
  );
}

function outbound(
  service: Service,
  port: ServicePort,
  family: DnsFamily,
  { connectTimeout, endpointsIn, endpointFiles, interception }: ClusterSettings,
): Cluster {
  const name = outboundCluster(service.hostname, port.number);
  const common = {
    '@type': CLUSTER,
    name,
    alt_stat_name: statName(name),
    connect_timeout: duration(connectTimeout),
    circuit_breakers: NO_LIMITS,
    typed_extension_protocol_options: httpOptions(port.protocol),
  } as const;
  switch (discovery(service, interception)) {
    case 'none':
      return { ...common, type: 'ORIGINAL_DST', lb_policy: 'CLUSTER_PROVIDED' };
    case 'dns':
      return {
        ...common,
        cluster_type: dnsCluster(family),
        lb_policy: 'LEAST_REQUEST',
        // A name that does not resolve must not keep the whole sidecar from starting.
        wait_for_warm_on_init: false,
        load_assignment: loadAssignment(service, port),
      };
    case 'static':
      return endpointsIn === undefined || endpointFiles?.has(name) === false
        ? {
            ...common,
            type: 'STATIC',
            lb_policy: 'LEAST_REQUEST',
            load_assignment: loadAssignment(service, port),
          }
        : {
            ...common,
            type: 'EDS',
            lb_policy: 'LEAST_REQUEST',
            eds_cluster_config: {
              service_name: name,
              eds_config: {
                path_config_source: { path: `${endpointsIn}/${fileName(name)}` },
                resource_api_version: 'V3',
              },
            },
          };
  }
}

/**
 * A list of endpoints (of an `EndpointSlice`) may have names in it, which only Envoy's DNS cluster takes. Of a headless service the
 * client says which endpoint it wants, but only a redirected connection tells: elsewhere any of them is as good.
 */
function discovery(
  { resolution, endpoints, headless }: Service,
  interception: ProxySettings['interception'],
): Service['resolution'] {
  const listed = resolution === 'static' || (headless && interception === 'NONE');
  if (!listed) return resolution;
  return endpoints.some(({ kind }) => kind === 'host') ? 'dns' : 'static';
}

type DnsFamily = 'V4_ONLY' | 'V6_ONLY' | 'V4_PREFERRED';

function dnsFamily({ workload, localhost }: ProxyView): DnsFamily {
  if (localhost === '::1') return 'V6_ONLY';
  return workload.addresses.some((address) => isIPv6(address)) ? 'V4_PREFERRED' : 'V4_ONLY';
}

function dnsCluster(family: DnsFamily): Extension {
  return {
    name: 'envoy.cluster.dns',
    typed_config: {
      '@type': typeUrl('envoy.extensions.clusters.dns.v3.DnsCluster'),
      dns_lookup_family: family,
      respect_dns_ttl: true,
      dns_refresh_rate: '60s',
      // Left to itself Envoy waits the whole refresh rate after a failure.
      dns_failure_refresh_rate: { base_interval: '0.5s', max_interval: '5s' },
    },
  };
}

/** How the endpoints of a port are spoken to. TCP ports need nothing. */
export function httpOptions(protocol: Protocol): Cluster['typed_extension_protocol_options'] {
  if (isHttp2(protocol)) return options({ explicit_http_config: { http2_protocol_options: {} } });
  return protocolClass(protocol) === 'auto' ? asTheClient() : undefined;
}

function asTheClient(): Cluster['typed_extension_protocol_options'] {
  return options({
    use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} },
  });
}

function options(fields: JsonObject): { readonly [name: string]: TypedConfig } {
  return { [HTTP_OPTIONS]: { '@type': typeUrl(HTTP_OPTIONS), ...fields } };
}

/** To the address that the client asked for. */
export function originalDestination(
  name: string,
  { connectTimeout }: ClusterSettings,
  bind?: JsonObject,
): Cluster {
  return {
    '@type': CLUSTER,
    name,
    alt_stat_name: statName(name),
    type: 'ORIGINAL_DST',
    connect_timeout: duration(connectTimeout),
    lb_policy: 'CLUSTER_PROVIDED',
    circuit_breakers: NO_LIMITS,
    upstream_bind_config: bind,
    typed_extension_protocol_options: asTheClient(),
  };
}

/** Where unknown traffic goes: nowhere, or where it wanted to. */
export function specialClusters(settings: ClusterSettings): readonly Cluster[] {
  const blackHole: Cluster = {
    '@type': CLUSTER,
    name: BLACK_HOLE,
    alt_stat_name: statName(BLACK_HOLE),
    type: 'STATIC',
    connect_timeout: duration(settings.connectTimeout),
    lb_policy: 'ROUND_ROBIN',
  };
  return [blackHole, originalDestination(PASSTHROUGH, settings)];
}

/** The cluster of a collector of spans that is no service of the mesh. */
export function collectorCluster(
  { cluster: name, host, port }: Collector,
  view: ProxyView,
  { connectTimeout }: ClusterSettings,
): Cluster {
  const byName = isIP(host) === 0;
  return {
    '@type': CLUSTER,
    name,
    alt_stat_name: statName(name),
    ...(byName ? { cluster_type: dnsCluster(dnsFamily(view)) } : { type: 'STATIC' }),
    wait_for_warm_on_init: byName ? false : undefined,
    connect_timeout: duration(connectTimeout),
    lb_policy: 'ROUND_ROBIN',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(host, port) } }] }],
    },
  };
}
