import { join } from 'node:path';
import type { AgentConfig } from '../config/agent-config.ts';
import { splitHostPort } from '../platform/addresses.ts';
import { socketAddress } from './clusters.ts';
import { controlPlane } from './control-plane.ts';
import { controlPlaneResources, type LocalFiles, localResources } from './dynamic-resources.ts';
import {
  type Bootstrap,
  type Cluster,
  type Extension,
  type JsonObject,
  type Listener,
  typeUrl,
} from './envoy-api.ts';
import type { NodeIdentity } from './identity.ts';
import type { NodeMetadata } from './metadata.ts';
import { mergeBootstrap } from './override.ts';
import { layeredRuntime, overloadManager } from './runtime.ts';
import { agentCluster, controlPlaneCluster, remoteServiceClusters } from './static-clusters.ts';
import { statsConfig, statsIntervals } from './stats.ts';
import { statsSinks } from './stats-sinks.ts';
import { statusListener } from './status-listener.ts';
import { strictJson } from './strict-json.ts';
import { tracingParts } from './tracing.ts';

export interface BootstrapInput {
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  readonly metadata: NodeMetadata;
  /** With `config.localConfig`: which files Envoy reads there. */
  readonly localFiles?: LocalFiles | undefined;
  /** `config.statsdUdpAddress` with the name resolved (`resolveStatsd`). */
  readonly statsd?: string | undefined;
}

const DEFAULT_LOCAL_FILES: LocalFiles = { lds: 'lds.yaml', cds: 'cds.yaml' };

/**
 * Envoy's bootstrap for this configuration: strict JSON of the v3 API, `ISTIO_BOOTSTRAP_OVERRIDE` merged in. Pure; what must
 * be on disk beside it is `writeSecretFiles`, `writeLightstepToken` and `writeBootstrap`.
 */
export function buildBootstrap(input: BootstrapInput): Bootstrap {
  const { config, identity, metadata } = input;
  const tracing = tracingParts(config, identity);
  const intervals = statsIntervals(config.stats);
  const bootstrap: Bootstrap = {
    node: {
      id: identity.nodeId,
      cluster: identity.cluster,
      locality: metadata.locality,
      metadata: metadata.metadata,
    },
    layered_runtime: layeredRuntime(config.runtimeValues),
    bootstrap_extensions: [internalListener()],
    stats_flush_interval: intervals.flush,
    stats_eviction_interval: intervals.eviction,
    stats_config: statsConfig(config, identity.ips),
    stats_sinks: statsSinks(
      config.envoyMetricsService !== undefined,
      splitHostPort(input.statsd ?? config.statsdUdpAddress ?? ''),
    ),
    admin: admin(config, identity),
    dynamic_resources:
      config.localConfig === undefined
        ? controlPlaneResources(config)
        : localResources(config.localConfig, input.localFiles ?? DEFAULT_LOCAL_FILES),
    static_resources: {
      clusters: staticClusters(config, identity, tracing?.cluster),
      listeners: staticListeners(config, identity),
      secrets: tracing?.secrets.length ? tracing.secrets : undefined,
    },
    overload_manager: overloadManager(config),
    tracing: tracing === undefined ? undefined : { http: tracing.http },
    cluster_manager: clusterManager(config.outlierLogPath),
    deferred_stat_options: { enable_deferred_creation_stats: true },
  };
  return strictJson(mergeBootstrap(bootstrap, config.bootstrapOverride));
}

function staticClusters(
  config: AgentConfig,
  identity: NodeIdentity,
  tracer: Cluster | undefined,
): readonly Cluster[] {
  const plane = controlPlane(config);
  return [
    ...(config.statusPort === 0 ? [] : [agentCluster(identity, config.statusPort)]),
    ...(plane === undefined ? [] : [controlPlaneCluster(plane, config, identity)]),
    ...(tracer === undefined ? [] : [tracer]),
    ...remoteServiceClusters(config, identity),
  ];
}

function staticListeners(config: AgentConfig, identity: NodeIdentity): readonly Listener[] {
  if (config.statusPort === 0 || config.envoyStatusPort === 0) return [];
  return [statusListener(identity, config.envoyStatusPort, config.envoyStatusProxyProtocol)];
}

function admin(config: AgentConfig, identity: NodeIdentity): Bootstrap['admin'] {
  return {
    access_log: [
      {
        name: 'envoy.access_loggers.file',
        typed_config: {
          '@type': typeUrl('envoy.extensions.access_loggers.file.v3.FileAccessLog'),
          path: '/dev/null',
        },
      },
    ],
    profile_path: join(config.configPath, 'envoy.prof'),
    address: socketAddress({ host: identity.localhost, port: config.proxyAdminPort }),
  };
}

/** Listeners inside Envoy, which the control plane uses for tunnels. */
function internalListener(): Extension {
  return {
    name: 'envoy.bootstrap.internal_listener',
    typed_config: {
      '@type': typeUrl('envoy.extensions.bootstrap.internal_listener.v3.InternalListener'),
      buffer_size_kb: 64,
    },
  };
}

function clusterManager(outlierLogPath: string | undefined): JsonObject | undefined {
  return outlierLogPath === undefined
    ? undefined
    : { outlier_detection: { event_log_path: outlierLogPath }, enable_deferred_cluster_creation: true };
}
