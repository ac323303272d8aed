/** The exposition formats that the merge reads and writes, and the types of metrics they know. */

/** Prometheus text 0.0.4, or OpenMetrics 1.0. */
export type Format = 'text' | 'openmetrics';

/** What an answer may be in: `io.prometheus.client.MetricFamily` messages, each with its length before it, as well. */
export type ScrapeFormat = Format | 'protobuf';

/** The media type of that, with the parameters that tell it from other protobuf. */
export const PROTOBUF =
  'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';

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

/** Whether a content type is that of length-delimited metric families. */
export const isProtobuf = (contentType: string): boolean =>
  contentType.toLowerCase().replace(/[\s"]/g, '').startsWith(PROTOBUF.toLowerCase().replace(/\s/g, ''));
