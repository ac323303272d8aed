/** What filter chains are made of. */
import type { Protocol } from '../model/protocol.ts';
import {
  type Extension,
  type FilterChainMatch,
  type JsonObject,
  type ListenerFilter,
  type RouteConfiguration,
  typeUrl,
} from './api.ts';
import { statName } from './names.ts';

/** What every filter of a proxy has in common, from its settings. */
export interface FilterParts {
  readonly accessLog: readonly Extension[] | undefined;
  readonly tracing: JsonObject | undefined;
}

/** Matches plain HTTP/1 and HTTP/2, as `http_inspector` finds them. */
export const PLAIN_HTTP: FilterChainMatch = {
  transport_protocol: 'raw_buffer',
  application_protocols: ['http/1.0', 'http/1.1', 'h2c'],
};

export function tcpProxy(cluster: string, { accessLog }: FilterParts): Extension {
  return {
    name: 'envoy.filters.network.tcp_proxy',
    typed_config: {
      '@type': typeUrl('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'),
      stat_prefix: cluster,
      cluster,
      access_log: accessLog,
    },
  };
}

/** The filters of a TCP port. Only Mongo has one of its own, that counts, as in Istio. */
export function tcpFilters(protocol: Protocol, cluster: string, parts: FilterParts): readonly Extension[] {
  const proxy = tcpProxy(cluster, parts);
  if (protocol !== 'Mongo') return [proxy];
  const mongo: Extension = {
    name: 'envoy.filters.network.mongo_proxy',
    typed_config: {
      '@type': typeUrl('envoy.extensions.filters.network.mongo_proxy.v3.MongoProxy'),
      stat_prefix: cluster,
    },
  };
  return [mongo, proxy];
}

export interface HttpOptions {
  /** Of the listener, for the names of statistics. */
  readonly direction: 'inbound' | 'outbound';
  readonly listener: string;
  /** The routes themselves, or where they are. */
  readonly routes:
    | { readonly kind: 'inline'; readonly config: RouteConfiguration }
    | { readonly kind: 'file'; readonly name: string; readonly path: string };
  readonly protocol: Protocol;
}

export function httpManager(options: HttpOptions, { accessLog, tracing }: FilterParts): Extension {
  const { direction, listener, routes, protocol } = options;
  const inbound = direction === 'inbound';
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': typeUrl('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
      stat_prefix: statName(`${direction}_${listener}`),
      ...(routes.kind === 'inline'
        ? { route_config: routes.config }
        : {
            rds: {
              route_config_name: routes.name,
              config_source: { path_config_source: { path: routes.path }, resource_api_version: 'V3' },
            },
          }),
      http_filters: httpFilters(protocol),
      // A client may go on without a word as long as it likes: what a stream is for, only the application knows.
      stream_idle_timeout: '0s',
      normalize_path: true,
      upgrade_configs: [{ upgrade_type: 'websocket' }],
      server_name: inbound ? 'istio-envoy' : undefined,
      // An explicit proxy gets the whole URL.
      http_protocol_options: protocol === 'HTTP_PROXY' ? { allow_absolute_url: true } : undefined,
      access_log: accessLog,
      tracing,
    },
  };
}

function httpFilters(protocol: Protocol): readonly Extension[] {
  const filter = (name: string, message: string, more: JsonObject = {}): Extension => ({
    name: `envoy.filters.http.${name}`,
    typed_config: { '@type': typeUrl(`envoy.extensions.filters.http.${name}.v3.${message}`), ...more },
  });
  const grpcWeb = protocol === 'GRPC-Web' ? [filter('grpc_web', 'GrpcWeb')] : [];
  const grpcStats = filter('grpc_stats', 'FilterConfig', {
    emit_filter_state: true,
    stats_for_all_methods: false,
  });
  return [...grpcWeb, grpcStats, filter('router', 'Router')];
}

function listenerFilter(name: string, message: string, more: JsonObject = {}): ListenerFilter {
  return {
    name: `envoy.filters.listener.${name}`,
    typed_config: { '@type': typeUrl(`envoy.extensions.filters.listener.${name}.v3.${message}`), ...more },
  };
}

export const originalDst = (): ListenerFilter => listenerFilter('original_dst', 'OriginalDst');
/** @param mark by which the rules know the connection for Envoy's own */
export const originalSrc = (mark: number): ListenerFilter =>
  listenerFilter('original_src', 'OriginalSrc', { mark });
export const tlsInspector = (): ListenerFilter => listenerFilter('tls_inspector', 'TlsInspector');
export const httpInspector = (): ListenerFilter => listenerFilter('http_inspector', 'HttpInspector');

/** The same filter, which leaves connections to these ports alone. */
export function exceptPorts(filter: ListenerFilter, ports: readonly number[]): ListenerFilter {
  const rules = [...new Set(ports)]
    .sort((a, b) => a - b)
    .map((port) => ({ destination_port_range: { start: port, end: port + 1 } }));
  const [first] = rules;
  if (first === undefined) return filter;
  return { ...filter, filter_disabled: rules.length === 1 ? first : { or_match: { rules } } };
}
