import { formatProtoDuration } from '../platform/duration.ts';
import type { AgentConfig } from './agent-config.ts';
import { isObject } from './json.ts';
import type { Values } from './schema.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * ProxyConfig for the node metadata: what was written, under what is in effect. Without the access token of lightstep: the
 * metadata goes to the control plane and into Envoy's configuration dump.
 */
export function effectiveProxyConfig(
  fields: Fields,
  values: Values,
  controlPlaneAuthPolicy: AgentConfig['controlPlaneAuthPolicy'],
): Fields {
  const effective: Fields = {
    ...fields,
    configPath: values.configPath,
    binaryPath: values.binaryPath,
    serviceCluster: values.serviceCluster,
    drainDuration: formatProtoDuration(values.drainDuration),
    terminationDrainDuration: formatProtoDuration(values.terminationDrainDuration),
    discoveryAddress: values.discoveryAddress,
    proxyAdminPort: values.proxyAdminPort,
    controlPlaneAuthPolicy,
    statusPort: values.statusPort,
    concurrency: values.concurrency === 0 ? undefined : values.concurrency,
    proxyMetadata: values.proxyMetadata.size === 0 ? undefined : Object.fromEntries(values.proxyMetadata),
    tracing: withoutToken(fields['tracing']),
  };
  return Object.fromEntries(
    Object.entries(effective).filter(([, value]) => value !== undefined && value !== null),
  );
}

function withoutToken(tracing: unknown): unknown {
  if (!isObject(tracing) || !isObject(tracing['lightstep'])) return tracing;
  const { accessToken: _secret, ...lightstep } = tracing['lightstep'];
  return { ...tracing, lightstep };
}
