import { isIP } from 'node:net';
import type { HostPort } from '../platform/addresses.ts';
import type { Millis } from '../platform/duration.ts';
import { formatProtoDuration } from '../platform/duration.ts';
import { type Cluster, type Extension, type JsonObject, type TypedConfig, typeUrl } from './envoy-api.ts';
import type { NodeIdentity } from './identity.ts';

export interface ClusterOptions {
  readonly name: string;
  readonly address: HostPort;
  readonly connectTimeout: Millis;
  readonly dns: DnsOptions;
  readonly http2?: Http2Options | undefined;
  readonly transportSocket?: Extension | undefined;
  readonly connectionOptions?: JsonObject | undefined;
}

export interface DnsOptions {
  readonly family: NodeIdentity['dnsLookupFamily'];
  /** Undefined: as long as the answer says. */
  readonly refreshRate: Millis | undefined;
}

export interface Http2Options {
  readonly maxRequestsPerConnection?: number;
  readonly httpFilters?: readonly Extension[];
}

/**
 * A cluster of one endpoint: STATIC for an address, for a name what Envoy called STRICT_DNS. A name that cannot be resolved
 * is asked for again within seconds: left to itself Envoy waits the whole refresh rate (300 s), so a sidecar that starts
 * before the cluster's DNS would be unready that long. Nor does Envoy's start wait for the first answer: where DNS drops questions,
 * a collector of spans kept the sidecar unready for longer than 20 s.
 */
export function cluster(options: ClusterOptions): Cluster {
  const { name, address, http2, connectionOptions, transportSocket } = options;
  return {
    name,
    // The semicolon ends the name in statistics, see the tag `cluster_name`.
    alt_stat_name: `${name};`,
    ...(isIP(address.host) === 0
      ? { cluster_type: dnsCluster(options.dns), wait_for_warm_on_init: false }
      : { type: 'STATIC' }),
    connect_timeout: formatProtoDuration(options.connectTimeout),
    lb_policy: 'ROUND_ROBIN',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(address) } }] }],
    },
    ...(transportSocket === undefined ? {} : { transport_socket: transportSocket }),
    ...(connectionOptions === undefined ? {} : { upstream_connection_options: connectionOptions }),
    ...(http2 === undefined
      ? {}
      : {
          typed_extension_protocol_options: {
            'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': http2Options(http2),
          },
        }),
  };
}

export function socketAddress({ host, port }: HostPort) {
  return { socket_address: { address: host, port_value: port } };
}

function dnsCluster({ family, refreshRate }: DnsOptions): Extension {
  return {
    name: 'envoy.cluster.dns',
    typed_config: {
      '@type': typeUrl('envoy.extensions.clusters.dns.v3.DnsCluster'),
      dns_lookup_family: family,
      dns_failure_refresh_rate: { base_interval: '0.5s', max_interval: '5s' },
      ...(refreshRate === undefined
        ? { respect_dns_ttl: true }
        : { dns_refresh_rate: formatProtoDuration(refreshRate) }),
    },
  };
}

function http2Options({ maxRequestsPerConnection, httpFilters }: Http2Options): TypedConfig {
  return {
    '@type': typeUrl('envoy.extensions.upstreams.http.v3.HttpProtocolOptions'),
    common_http_protocol_options:
      maxRequestsPerConnection === undefined
        ? undefined
        : { max_requests_per_connection: maxRequestsPerConnection },
    explicit_http_config: { http2_protocol_options: {} },
    http_filters: httpFilters,
  };
}
