/** Envoy's resources, as an xDS file or a static bootstrap holds them. */
export function cluster(name: string, port: number) {
  return {
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name,
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
    },
  };
}

export function inboundListener(port: number, route: object) {
  return {
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'inbound',
    traffic_direction: 'INBOUND',
    address: socketAddress(port),
    filter_chains: [
      {
        filters: [
          {
            name: 'http',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'inbound',
              route_config: {
                virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route }] }],
              },
              http_filters: [
                {
                  name: 'router',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

function socketAddress(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

/** A listener that hands its connections to a cluster byte for byte. */
export function tcpListener(port: number, to: string) {
  return {
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: `tcp_${port}`,
    traffic_direction: 'INBOUND',
    address: socketAddress(port),
    filter_chains: [
      {
        filters: [
          {
            name: 'tcp',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
              stat_prefix: 'tcp',
              cluster: to,
            },
          },
        ],
      },
    ],
  };
}
