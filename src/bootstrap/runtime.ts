import type { AgentConfig } from '../config/agent-config.ts';
import { type Json, type JsonObject, typeUrl } from './envoy-api.ts';

const MAX_CONNECTIONS_KEY = 'overload.global_downstream_max_connections';
const UNLIMITED = 2_147_483_647;

const DEFAULTS: Readonly<Record<string, Json>> = {
  'envoy.deprecated_features:envoy.config.listener.v3.Listener.hidden_envoy_deprecated_use_original_dst': true,
  'envoy.reloadable_features.coalesce_lb_rebuilds_on_batch_update': false,
  'envoy.reloadable_features.fixed_heap_use_allocated': true,
  'envoy.reloadable_features.http_reject_path_with_fragment': false,
  're2.max_program_size.error_level': '32768',
};

/** Envoy's runtime: 1.30's settings under `runtimeValues`, of which an empty one deletes (pilot-agent-1.30.md §6.3 point 3). */
export function layeredRuntime(runtimeValues: AgentConfig['runtimeValues']): JsonObject {
  const values = new Map(Object.entries(DEFAULTS));
  for (const [key, value] of Object.entries(runtimeValues)) {
    if (value === '') values.delete(key);
    else values.set(key, value === 'true' || value === 'false' ? value === 'true' : value);
  }
  // The overload manager has it; Envoy warns of a limit that is given twice.
  values.delete(MAX_CONNECTIONS_KEY);
  return {
    layers: [
      { name: 'global config', static_layer: Object.fromEntries(values) },
      { name: 'admin', admin_layer: {} },
    ],
  };
}

/** How many connections Envoy takes before it refuses more (pilot-agent-1.30.md §6.3 point 11). */
export function overloadManager(config: Pick<AgentConfig, 'proxyMetadata' | 'runtimeValues'>): JsonObject {
  const limit =
    positive(config.proxyMetadata['ISTIO_META_GLOBAL_DOWNSTREAM_MAX_CONNECTIONS']) ??
    positive(config.runtimeValues[MAX_CONNECTIONS_KEY]) ??
    UNLIMITED;
  return {
    resource_monitors: [
      {
        name: 'envoy.resource_monitors.global_downstream_max_connections',
        typed_config: {
          '@type': typeUrl(
            'envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig',
          ),
          max_active_downstream_connections: limit,
        },
      },
    ],
  };
}

function positive(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}
