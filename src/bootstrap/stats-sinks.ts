import { isIP } from 'node:net';
import type { HostPort } from '../platform/addresses.ts';
import { socketAddress } from './clusters.ts';
import { type Extension, typeUrl } from './envoy-api.ts';
import { METRICS_SERVICE_CLUSTER } from './static-clusters.ts';

/**
 * Where Envoy pushes statistics to: the metrics service, statsd.
 * @param statsd an address; a name is left out, for Envoy would refuse the bootstrap (`resolveStatsd` turns one into the other)
 */
export function statsSinks(
  metricsService: boolean,
  statsd: HostPort | undefined,
): readonly Extension[] | undefined {
  const sinks = [
    ...(metricsService ? [metricsServiceSink()] : []),
    ...(statsd !== undefined && isIP(statsd.host) !== 0 ? [statsdSink(statsd)] : []),
  ];
  return sinks.length === 0 ? undefined : sinks;
}

function metricsServiceSink(): Extension {
  return {
    name: 'envoy.stat_sinks.metrics_service',
    typed_config: {
      '@type': typeUrl('envoy.config.metrics.v3.MetricsServiceConfig'),
      transport_api_version: 'V3',
      grpc_service: { envoy_grpc: { cluster_name: METRICS_SERVICE_CLUSTER } },
    },
  };
}

function statsdSink(statsd: HostPort): Extension {
  return {
    name: 'envoy.stat_sinks.statsd',
    typed_config: { '@type': typeUrl('envoy.config.metrics.v3.StatsdSink'), address: socketAddress(statsd) },
  };
}
