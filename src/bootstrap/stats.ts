import type { AgentConfig, StatsOptions } from '../config/agent-config.ts';
import { formatProtoDuration, type Millis, millis } from '../platform/duration.ts';
import type { JsonObject, StatsConfig, StringMatcher } from './envoy-api.ts';
import { statsTags } from './stats-tags.ts';

/** Envoy keeps statistics that match these and no others; readiness, the drain and the merge depend on the first three. */
const PREFIXES = ['cluster_manager', 'listener_manager', 'server', 'cluster.xds-grpc', 'wasm'];
const SUFFIXES = [
  'rbac.allowed',
  'rbac.denied',
  'shadow_allowed',
  'shadow_denied',
  'ssl_context_update_by_sds',
  // How the drain knows that the last connection is gone.
  'downstream_cx_active',
];
const REGEXPS = ['vhost\\..*\\.route\\..*'];
/** Without a control plane there is no telemetry filter, and these counters are all that tells of traffic. */
const LOCAL_PREFIXES = ['cluster.', 'http.', 'listener.', 'tcp.'];

/**
 * Of a mesh's clusters only what tells of traffic and of endpoints: Envoy has 120 statistics for a cluster and finds the labels of
 * each by trying every expression, which takes ten seconds for a thousand clusters.
 */
const MESH_PREFIXES = ['http.', 'listener.', 'tcp.'];
const MESH_REGEXPS = [
  'cluster\\..*;\\.(?:upstream_(?:rq|cx)_(?:total|active|completed|retry|timeout|time|connect_fail|pending_active|\\d.*)|' +
    'membership_(?:total|healthy)|update_(?:success|rejected|failure))',
];

/** reference/pilot-agent-1.5.md §4.4, pilot-agent-1.30.md §6.3 point 6. */
export function statsConfig(
  config: Pick<AgentConfig, 'stats' | 'localConfig'> & Partial<Pick<AgentConfig, 'meshDir'>>,
  ips: readonly string[],
): StatsConfig {
  const { stats, localConfig, meshDir } = config;
  const mesh = meshDir !== undefined;
  const prefixes = [...PREFIXES, ...(mesh ? MESH_PREFIXES : localConfig === undefined ? [] : LOCAL_PREFIXES)];
  const regexps = [...REGEXPS, ...(mesh ? MESH_REGEXPS : [])];
  const expanded = (given: readonly string[], ours: readonly string[]) => [
    ...new Set(
      [...given.flatMap((entry) => withPodIps(entry, ips)), ...ours].filter((entry) => entry !== ''),
    ),
  ];
  const patterns: readonly StringMatcher[] = [
    { prefix: 'reporter=' },
    ...expanded(stats.inclusionPrefixes, prefixes).map((prefix) => ({ prefix })),
    ...expanded(stats.inclusionSuffixes, SUFFIXES).map((suffix) => ({ suffix })),
    ...expanded(stats.inclusionRegexps, regexps).map((regex) => ({ safe_regex: { regex } })),
    { prefix: 'component' },
    { prefix: 'istio' },
  ];
  return {
    use_all_default_tags: false,
    stats_tags: statsTags(stats.extraTags, mesh),
    stats_matcher: { inclusion_list: { patterns } },
    histogram_bucket_settings: histogramBuckets(stats),
  };
}

function withPodIps(entry: string, ips: readonly string[]): readonly string[] {
  return entry.includes('{pod_ip}') ? ips.map((ip) => entry.replaceAll('{pod_ip}', ip)) : [entry];
}

/** Sorted by prefix; bounds ascending and each once, as Envoy demands. */
function histogramBuckets({ histogramBuckets: given }: StatsOptions): readonly JsonObject[] | undefined {
  const settings = Object.entries(given)
    .filter(([prefix]) => prefix !== '')
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([prefix, bounds]) => ({
      match: { prefix },
      buckets: [...new Set(bounds)]
        .filter((bound) => bound > 0 && Number.isFinite(bound))
        .sort((a, b) => a - b),
    }))
    .filter(({ buckets }) => buckets.length > 0);
  return settings.length === 0 ? undefined : settings;
}

export interface StatsIntervals {
  readonly flush: string | undefined;
  readonly eviction: string | undefined;
  readonly warnings: readonly string[];
}

const DEFAULT_FLUSH = millis(5_000);
const MIN_FLUSH = millis(1);
/** Envoy accepts less than five minutes. */
const FLUSH_LIMIT = millis(300_000);

/** In protobuf's form of a duration. A value that Envoy would refuse is left out, with a warning. */
export function statsIntervals(stats: StatsOptions): StatsIntervals {
  const { flushInterval: flush, evictionInterval: eviction } = stats;
  const warnings: string[] = [];
  const flushFits = flush === undefined || (flush >= MIN_FLUSH && flush < FLUSH_LIMIT);
  if (!flushFits)
    warnings.push(
      `sidecar.istio.io/statsFlushInterval ${show(flush)} is ignored: Envoy takes 1ms up to less than 5m`,
    );
  const used = flushFits ? (flush ?? DEFAULT_FLUSH) : DEFAULT_FLUSH;
  const evictionFits = eviction === undefined || (eviction > 0 && eviction % used === 0);
  if (!evictionFits)
    warnings.push(
      `sidecar.istio.io/statsEvictionInterval ${show(eviction)} is ignored: it must be a multiple of the flush interval, ${show(used)}`,
    );
  return {
    flush: flush !== undefined && flushFits ? formatProtoDuration(flush) : undefined,
    eviction: eviction !== undefined && evictionFits ? formatProtoDuration(eviction) : undefined,
    warnings,
  };
}

function show(value: Millis): string {
  return formatProtoDuration(value);
}
