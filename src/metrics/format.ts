/** The exposition formats that the merge reads and writes, and the types of metrics they know. */

/** Prometheus text 0.0.4, or OpenMetrics 1.0. */
export type Format = 'text' | 'openmetrics';

export type MetricType =
  | 'counter'
  | 'gauge'
  | 'histogram'
  | 'summary'
  | 'unknown'
  | 'info'
  | 'stateset'
  | 'gaugehistogram';

const TYPES: Readonly<Record<Format, ReadonlyMap<string, MetricType>>> = {
  text: new Map([
    ['counter', 'counter'],
    ['gauge', 'gauge'],
    ['histogram', 'histogram'],
    ['summary', 'summary'],
    ['untyped', 'unknown'],
  ]),
  openmetrics: new Map([
    ['counter', 'counter'],
    ['gauge', 'gauge'],
    ['histogram', 'histogram'],
    ['summary', 'summary'],
    ['unknown', 'unknown'],
    ['info', 'info'],
    ['stateset', 'stateset'],
    ['gaugehistogram', 'gaugehistogram'],
  ]),
};

/** The type that a `# TYPE` line of this format names, undefined when the format knows no such type. */
export const parseMetricType = (text: string, format: Format): MetricType | undefined =>
  TYPES[format].get(text);

/** `text/plain` -> text, `application/openmetrics-text` -> openmetrics, anything else -> undefined. Parameters do not count. */
export function formatOfMediaType(contentType: string): Format | undefined {
  const media = contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (media === 'application/openmetrics-text') return 'openmetrics';
  return media === 'text/plain' ? 'text' : undefined;
}
