import type { AgentConfig, RemoteService } from '../config/agent-config.ts';
import { type HostPort, splitHostPort } from '../platform/addresses.ts';
import { millis } from '../platform/duration.ts';
import { cluster } from './clusters.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Cluster, JsonObject } from './envoy-api.ts';
import type { NodeIdentity } from './identity.ts';
import { controlPlaneTransport, tlsTransport } from './tls.ts';

export const XDS_CLUSTER = 'xds-grpc';
export const AGENT_CLUSTER = 'agent';
export const METRICS_SERVICE_CLUSTER = 'envoy_metrics_service';
const ACCESS_LOG_SERVICE_CLUSTER = 'envoy_accesslog_service';

/** The agent's own status server: Envoy's listener on 15021 asks it for readiness. */
export function agentCluster(identity: NodeIdentity, statusPort: number): Cluster {
  return cluster({
    name: AGENT_CLUSTER,
    address: { host: identity.localhost, port: statusPort },
    connectTimeout: millis(250),
    dns: { family: identity.dnsLookupFamily, refreshRate: undefined },
  });
}

export function controlPlaneCluster(
  { host, port, tls }: ControlPlane,
  config: AgentConfig,
  identity: NodeIdentity,
): Cluster {
  return {
    ...cluster({
      name: XDS_CLUSTER,
      address: { host, port },
      connectTimeout: config.connectTimeout,
      dns: { family: identity.dnsLookupFamily, refreshRate: config.dnsRefreshRate },
      http2: { maxRequestsPerConnection: 1 },
      transportSocket: tls === undefined ? undefined : controlPlaneTransport(tls),
      connectionOptions: { tcp_keepalive: { keepalive_time: 300 } },
    }),
    circuit_breakers: { thresholds: [unlimited('DEFAULT'), unlimited('HIGH')] },
  };
}

/** Istio's control plane tells Envoy to log to the second; the agent only knows where it is. */
export function remoteServiceClusters(config: AgentConfig, identity: NodeIdentity): readonly Cluster[] {
  const services: [string, RemoteService | undefined][] = [
    [METRICS_SERVICE_CLUSTER, config.envoyMetricsService],
    [ACCESS_LOG_SERVICE_CLUSTER, config.envoyAccessLogService],
  ];
  return services.flatMap(([name, service]) =>
    service === undefined ? [] : [remoteServiceCluster(name, service, config, identity)],
  );
}

function remoteServiceCluster(
  name: string,
  service: RemoteService,
  config: AgentConfig,
  identity: NodeIdentity,
): Cluster {
  return cluster({
    name,
    address: requiredAddress(service.address, name),
    connectTimeout: millis(1_000),
    dns: { family: identity.dnsLookupFamily, refreshRate: config.dnsRefreshRate },
    http2: {},
    transportSocket: service.tls === undefined ? undefined : tlsTransport(service.tls, name),
    connectionOptions: keepalive(service.tcpKeepalive),
  });
}

/** @throws when the address, which the configuration has checked, is not one */
export function requiredAddress(text: string, what: string): HostPort {
  const address = splitHostPort(text);
  if (address === undefined)
    throw new Error(`the address of ${what}, ${JSON.stringify(text)}, is not host:port`);
  return address;
}

function keepalive(settings: RemoteService['tcpKeepalive']): JsonObject | undefined {
  if (settings === undefined) return undefined;
  const wholeSeconds = (value: number | undefined) =>
    value === undefined ? undefined : Math.max(1, Math.round(value / 1_000));
  return {
    tcp_keepalive: {
      keepalive_probes: settings.probes,
      keepalive_time: wholeSeconds(settings.time),
      keepalive_interval: wholeSeconds(settings.interval),
    },
  };
}

function unlimited(priority: 'DEFAULT' | 'HIGH'): JsonObject {
  return { priority, max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 };
}
