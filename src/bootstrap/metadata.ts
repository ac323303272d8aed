import type { AgentConfig } from '../config/agent-config.ts';
import { controlPlane } from './control-plane.ts';
import type { Json, JsonObject, Locality } from './envoy-api.ts';
import type { NodeIdentity } from './identity.ts';
import { parseLocality } from './locality.ts';
import { metadataFromEnv } from './metadata-env.ts';
import { typedMetadata } from './metadata-types.ts';
import { withoutText } from './secrets.ts';

/** The generation of Istio whose control plane this agent speaks with; the control plane decides features by it. */
export const ISTIO_VERSION = '1.30.3';

export interface NodeMetadata {
  readonly metadata: JsonObject;
  readonly locality: Locality | undefined;
  /** What was wrong with the sources, for the log. */
  readonly warnings: readonly string[];
}

export interface MetadataInput {
  readonly config: AgentConfig;
  readonly identity: Pick<NodeIdentity, 'ips'>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the pod, from the downward API's files; they beat those from the environment. */
  readonly labels: ReadonlyMap<string, string>;
  readonly annotations: ReadonlyMap<string, string>;
}

/** What peers tell each other about themselves in telemetry v2. */
const EXCHANGE_KEYS =
  'NAME,NAMESPACE,INSTANCE_IPS,LABELS,OWNER,PLATFORM_METADATA,WORKLOAD_NAME,CANONICAL_TELEMETRY_SERVICE,MESH_ID,SERVICE_ACCOUNT';
const LOCALITY_LABELS = ['topology.istio.io/locality', 'istio-locality'];

/**
 * The metadata of the node: what was given in the environment, at the top level, under what the agent knows better
 * (reference/pilot-agent-1.5.md §4.3, pilot-agent-1.30.md §6.2). Never throws: what does not fit is left out and a warning.
 */
export function nodeMetadata(input: MetadataInput): NodeMetadata {
  const { config } = input;
  const fromEnv = metadataFromEnv(config.proxyMetadata, input.env);
  const warnings = [...fromEnv.warnings];
  const labels = new Map([...(fromEnv.labels ?? []), ...input.labels]);
  labels.delete('pod-template-hash');
  const annotations = new Map([...(fromEnv.annotations ?? []), ...input.annotations]);

  const values = new Map<string, Json>();
  for (const [name, value] of fromEnv.values) {
    const typed = typedMetadata(name, value);
    if (typed === undefined)
      warnings.push(`node metadata ${name} is left out: its value does not fit its type`);
    else values.set(name, typed);
  }
  const fallbacks: JsonObject = {
    ISTIO_VERSION,
    MESH_ID: config.meshId,
    INTERCEPTION_MODE: config.interceptionMode,
    METADATA_DISCOVERY: 'false',
  };
  for (const [name, value] of Object.entries(fallbacks))
    if (value !== undefined && !values.has(name)) values.set(name, value);
  const own = { ...known(input), ...pod(fromEnv.labels, labels, annotations) };
  for (const [name, value] of Object.entries(own)) if (value !== undefined) values.set(name, value);

  const token = config.tracing?.kind === 'lightstep' ? config.tracing.accessToken : undefined;
  const given = LOCALITY_LABELS.map((name) => labels.get(name)).find((value) => value);
  return {
    metadata: withoutText(sorted(values), token),
    locality: parseLocality(given ?? text(values.get('istio-locality'))),
    warnings,
  };
}

/** What the agent knows from its configuration; it beats the environment. */
function known({ config, identity }: MetadataInput): JsonObject {
  const subjects = controlPlane(config)?.tls?.subjectAltNames.map(({ value }) => value) ?? [];
  return {
    NAME: config.podName,
    NAMESPACE: config.podNamespace,
    SERVICE_ACCOUNT: config.serviceAccount,
    INSTANCE_IPS: identity.ips.join(','),
    EXCHANGE_KEYS,
    PROXY_CONFIG: config.proxyConfig as JsonObject,
    PILOT_SAN: subjects.length === 0 ? undefined : subjects,
    STS_PORT: config.stsPort === 0 ? undefined : String(config.stsPort),
    ENVOY_STATUS_PORT: config.envoyStatusPort,
    ENVOY_PROMETHEUS_PORT: config.prometheusPort,
    OUTLIER_LOG_PATH: config.outlierLogPath,
    ENVOY_SKIP_DEPRECATED_LOGS: String(config.skipDeprecatedLogs),
  };
}

function pod(
  staticLabels: ReadonlyMap<string, string> | undefined,
  labels: ReadonlyMap<string, string>,
  annotations: ReadonlyMap<string, string>,
): JsonObject {
  return {
    LABELS: labels.size === 0 ? undefined : sorted(labels),
    STATIC_LABELS: staticLabels === undefined || staticLabels.size === 0 ? undefined : sorted(staticLabels),
    ANNOTATIONS: annotations.size === 0 ? undefined : sorted(annotations),
    CANONICAL_TELEMETRY_SERVICE: labels.get('istioTelemetryService'),
  };
}

function sorted(map: ReadonlyMap<string, Json>): JsonObject {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function text(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
