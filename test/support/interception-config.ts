/** xDS resources of a sidecar that takes what iptables sends it: listeners on 15001 and 15006 that go by the original destination. */

export interface SelfService {
  /** What the application calls. */
  readonly vip: string;
  /** What stands behind it: the pod itself. */
  readonly address: string;
  readonly port: number;
}

const TYPE = 'type.googleapis.com/envoy';

/**
 * @param transparent listen for TPROXY, and call the application from the client's address
 * @param services virtual addresses of the pod's own application
 */
export function interceptionResources(services: readonly SelfService[], transparent = false) {
  const name = ({ vip }: SelfService) => `self ${vip}`;
  return {
    listeners: [
      listener('outbound', 15001, [
        chain('outbound', 'passthrough'),
        ...services.map((service) => chain('outbound', name(service), service.vip)),
      ]),
      listener(
        'inbound',
        15006,
        [chain('inbound', 'inbound4', '0.0.0.0', 0), chain('inbound', 'inbound6', '::', 0)],
        transparent,
      ),
    ],
    clusters: [
      originalDestination('passthrough'),
      originalDestination('inbound4', '127.0.0.6'),
      originalDestination('inbound6', '::6'),
      ...services.map((service) => fixed(name(service), service)),
    ],
  };
}

function listener(name: string, port: number, filter_chains: readonly object[], transparent = false) {
  const filter = (kind: string, type: string, more: object = {}) => ({
    name: kind,
    typed_config: { '@type': `${TYPE}.extensions.filters.listener.${kind}.v3.${type}`, ...more },
  });
  return {
    '@type': `${TYPE}.config.listener.v3.Listener`,
    name,
    address: { socket_address: { address: '::', port_value: port, ipv4_compat: true } },
    ...(transparent ? { transparent: true } : {}),
    listener_filters: [
      filter('original_dst', 'OriginalDst'),
      ...(transparent ? [filter('original_src', 'OriginalSrc', { mark: 1337 })] : []),
    ],
    filter_chains,
  };
}

function chain(
  stat_prefix: string,
  cluster: string,
  prefix?: string,
  length = prefix?.includes(':') ? 128 : 32,
) {
  const match = { prefix_ranges: [{ address_prefix: prefix, prefix_len: length }] };
  return {
    ...(prefix === undefined ? {} : { filter_chain_match: match }),
    filters: [
      {
        name: 'tcp',
        typed_config: {
          '@type': `${TYPE}.extensions.filters.network.tcp_proxy.v3.TcpProxy`,
          stat_prefix,
          cluster,
        },
      },
    ],
  };
}

function originalDestination(name: string, source?: string) {
  const bind = { source_address: { address: source, port_value: 0 } };
  return {
    '@type': `${TYPE}.config.cluster.v3.Cluster`,
    name,
    type: 'ORIGINAL_DST',
    lb_policy: 'CLUSTER_PROVIDED',
    connect_timeout: '2s',
    ...(source === undefined ? {} : { upstream_bind_config: bind }),
  };
}

function fixed(name: string, { address, port }: SelfService) {
  const endpoint = { address: { socket_address: { address, port_value: port } } };
  return {
    '@type': `${TYPE}.config.cluster.v3.Cluster`,
    name,
    connect_timeout: '2s',
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint }] }] },
  };
}
