import { formatGoDuration, millis } from '../platform/duration.ts';
import type { StatsOptions } from './agent-config.ts';
import type { Findings } from './findings.ts';
import { textList } from './remote-service.ts';
import type { Key, Values } from './schema.ts';

/** What Envoy does unless told otherwise. */
const DEFAULT_FLUSH = millis(5_000);

/**
 * Puts together what is said about Envoy's statistics. An annotation beats `proxyStatsMatcher` kind by kind; extra tags of
 * both are joined. An eviction interval that Envoy would refuse is left out with a warning.
 */
export function buildStats(
  values: Values,
  name: (key: Key) => string,
  { problems, warnings }: Findings,
): StatsOptions {
  const matcher = Object.fromEntries(values.statsMatcher ?? []);
  const kind = (annotation: readonly string[], field: string): readonly string[] =>
    annotation.length > 0 ? annotation : textList(name('statsMatcher'), matcher, field, problems);
  const { statsFlushInterval: flush, statsEvictionInterval: eviction } = values;
  const every = flush ?? DEFAULT_FLUSH;
  const fits = eviction === undefined || eviction % every === 0;
  if (!fits) {
    warnings.push(
      `${name('statsEvictionInterval')} "${formatGoDuration(eviction)}": not a multiple of the flush interval ${formatGoDuration(every)}; ignored`,
    );
  }
  return {
    inclusionPrefixes: kind(values.statsInclusionPrefixes, 'inclusionPrefixes'),
    inclusionSuffixes: kind(values.statsInclusionSuffixes, 'inclusionSuffixes'),
    inclusionRegexps: kind(values.statsInclusionRegexps, 'inclusionRegexps'),
    extraTags: [...new Set([...values.extraStatTags, ...values.extraStatTagsOfPod])],
    histogramBuckets: Object.fromEntries(values.statsHistogramBuckets),
    flushInterval: flush,
    evictionInterval: fits ? eviction : undefined,
  };
}
