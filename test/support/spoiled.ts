/** An override that keeps Envoy initializing for `seconds`: a cluster whose first health check waits for an answer. */
export function slowToInitialize(silentPort: number, seconds: number): unknown {
  const address = { socket_address: { address: '127.0.0.1', port_value: silentPort } };
  const cluster = {
    name: 'silent',
    type: 'STATIC',
    load_assignment: { cluster_name: 'silent', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    health_checks: [
      {
        timeout: `${seconds}s`,
        interval: '1s',
        unhealthy_threshold: 1,
        healthy_threshold: 1,
        tcp_health_check: { send: { text: '00' }, receive: [{ text: '01' }] },
      },
    ],
  };
  return { static_resources: { clusters: [cluster] } };
}
