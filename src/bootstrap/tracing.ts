import { join } from 'node:path';
import type { AgentConfig, Tracing } from '../config/agent-config.ts';
import { millis } from '../platform/duration.ts';
import { type ClusterOptions, cluster } from './clusters.ts';
import { type Cluster, type Extension, type JsonObject, typeUrl } from './envoy-api.ts';
import type { NodeIdentity } from './identity.ts';
import { requiredAddress } from './static-clusters.ts';
import { tlsTransport } from './tls.ts';

/** What tracing adds to the bootstrap. */
export interface TracingParts {
  readonly http: Extension;
  readonly cluster: Cluster;
  readonly secrets: readonly JsonObject[];
}

const CLUSTER_NAMES = { zipkin: 'zipkin', lightstep: 'lightstep', datadog: 'datadog_agent' } as const;
const LIGHTSTEP_SECRET = 'lightstep-access-token';

/** Undefined without tracing. reference/pilot-agent-1.5.md §4.7, pilot-agent-1.30.md §6.3 point 12. */
export function tracingParts(config: AgentConfig, identity: NodeIdentity): TracingParts | undefined {
  const { tracing } = config;
  if (tracing === undefined) return undefined;
  const name = CLUSTER_NAMES[tracing.kind];
  const options: ClusterOptions = {
    name,
    address: requiredAddress(withHostIp(tracing.address, config.hostIp), tracing.kind),
    connectTimeout: millis(1_000),
    dns: { family: identity.dnsLookupFamily, refreshRate: config.dnsRefreshRate },
    transportSocket: tracing.tls === undefined ? undefined : tlsTransport(tracing.tls, name),
  };
  return {
    http: tracer(tracing, name, identity.cluster),
    cluster: cluster(
      tracing.kind === 'lightstep' ? { ...options, http2: { httpFilters: lightstepFilters() } } : options,
    ),
    secrets: tracing.kind === 'lightstep' ? [lightstepSecret(config.configPath)] : [],
  };
}

/** Where `writeLightstepToken` puts the token and Envoy reads it. */
export function lightstepTokenPath(configPath: string): string {
  return join(configPath, 'lightstep_access_token.txt');
}

function tracer(tracing: Tracing, clusterName: string, service: string): Extension {
  switch (tracing.kind) {
    case 'zipkin':
      return {
        name: 'envoy.tracers.zipkin',
        typed_config: {
          '@type': typeUrl('envoy.config.trace.v3.ZipkinConfig'),
          collector_cluster: clusterName,
          collector_endpoint: '/api/v2/spans',
          collector_endpoint_version: 'HTTP_JSON',
          trace_id_128bit: true,
          shared_span_context: false,
        },
      };
    case 'datadog':
      return {
        name: 'envoy.tracers.datadog',
        typed_config: {
          '@type': typeUrl('envoy.config.trace.v3.DatadogConfig'),
          collector_cluster: clusterName,
          service_name: service,
        },
      };
    // Envoy has no tracer of Lightstep's own any more; Lightstep takes OTLP with the token in a header.
    case 'lightstep':
      return {
        name: 'envoy.tracers.opentelemetry',
        typed_config: {
          '@type': typeUrl('envoy.config.trace.v3.OpenTelemetryConfig'),
          grpc_service: { envoy_grpc: { cluster_name: clusterName }, timeout: '1s' },
          service_name: service,
        },
      };
  }
}

/** The token goes from its file into the header inside Envoy, so that neither bootstrap nor config_dump shows it. */
function lightstepFilters(): readonly Extension[] {
  return [
    {
      name: 'envoy.filters.http.credential_injector',
      typed_config: {
        '@type': typeUrl('envoy.extensions.filters.http.credential_injector.v3.CredentialInjector'),
        overwrite: true,
        credential: {
          name: 'envoy.http.injected_credentials.generic',
          typed_config: {
            '@type': typeUrl('envoy.extensions.http.injected_credentials.generic.v3.Generic'),
            credential: { name: LIGHTSTEP_SECRET },
            header: 'lightstep-access-token',
          },
        },
      },
    },
    {
      name: 'envoy.filters.http.upstream_codec',
      typed_config: { '@type': typeUrl('envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec') },
    },
  ];
}

function lightstepSecret(configPath: string): JsonObject {
  return {
    name: LIGHTSTEP_SECRET,
    generic_secret: { secret: { filename: lightstepTokenPath(configPath) } },
  };
}

function withHostIp(address: string, hostIp: string | undefined): string {
  if (hostIp === undefined) return address;
  return address.replaceAll('$(HOST_IP)', hostIp.includes(':') ? `[${hostIp}]` : hostIp);
}
