import { type Extension, type Listener, type TypedConfig, typeUrl } from './envoy-api.ts';
import type { NodeIdentity } from './identity.ts';
import { AGENT_CLUSTER } from './static-clusters.ts';

/**
 * The listener for probes from outside (15021): it hands `/healthz/ready` to the agent. Neither the limit on connections nor
 * the overload manager may turn a probe away. (The original's second listener, 15090, is the agent's own here.)
 */
export function statusListener(identity: NodeIdentity, port: number, proxyProtocol: boolean): Listener {
  const socket = (address: string) => ({
    socket_address: { protocol: 'TCP' as const, address, port_value: port },
  });
  const { wildcard, additionalWildcard } = identity;
  return {
    name: `${wildcard}_${port}`,
    address: socket(wildcard),
    ...(additionalWildcard === undefined
      ? {}
      : { additional_addresses: [{ address: socket(additionalWildcard) }] }),
    ignore_global_conn_limit: true,
    bypass_overload_manager: true,
    ...(proxyProtocol ? { listener_filters: [proxyProtocolFilter()] } : {}),
    filter_chains: [
      { filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: readyRoute() }] },
    ],
  };
}

/** Those of the agent's own servers: without a limit on connections, time must hold what a client that says nothing keeps. */
const LIMITS = {
  common_http_protocol_options: { idle_timeout: '75s' },
  request_headers_timeout: '5s',
  request_timeout: '10s',
  stream_idle_timeout: '10s',
  max_request_headers_kb: 32,
} as const;

function readyRoute(): TypedConfig {
  return {
    '@type': typeUrl('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'),
    codec_type: 'AUTO',
    stat_prefix: 'agent',
    ...LIMITS,
    route_config: {
      virtual_hosts: [
        {
          name: 'backend',
          domains: ['*'],
          routes: [{ match: { prefix: '/healthz/ready' }, route: { cluster: AGENT_CLUSTER } }],
        },
      ],
    },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': typeUrl('envoy.extensions.filters.http.router.v3.Router') },
      },
    ],
  };
}

function proxyProtocolFilter(): Extension {
  return {
    name: 'envoy.filters.listener.proxy_protocol',
    typed_config: {
      '@type': typeUrl('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol'),
    },
  };
}
