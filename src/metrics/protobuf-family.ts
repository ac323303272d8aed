/** Families of text become messages `io.prometheus.client.MetricFamily` (prometheus/client_model, metrics.proto). */
import type { Family } from './family.ts';
import type { MetricType } from './format.ts';
import { seriesName } from './protobuf-reader.ts';
import { type ProtobufWriter, protobufWriter } from './protobuf-writer.ts';
import type { Sample } from './sample.ts';

/** One metric of a family: a sample, or all samples of one histogram or summary. */
export interface Metric {
  /** Labels and timestamp, as `readSeries` names them. */
  readonly series: () => string;
  /** Field 4 of the family, with tag and length. */
  readonly bytes: Buffer;
}

export interface EncodedFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly metrics: readonly Metric[];
}

type Labels = readonly (readonly [string, string])[];
interface Group {
  readonly labels: Labels;
  readonly timestamp: number | undefined;
  readonly samples: Sample[];
}

const TYPE_NUMBERS: Readonly<Partial<Record<MetricType, number>>> = {
  counter: 0,
  gauge: 1,
  summary: 2,
  unknown: 3,
  histogram: 4,
};
const VALUE_FIELDS: Readonly<Record<number, number>> = { 0: 3, 1: 2, 3: 5 };

/** The fields of a family that stand before its metrics. */
export function encodeHead(name: string, type: MetricType, help: string | undefined): Buffer {
  const writer = protobufWriter();
  writer.text(1, name);
  if (help) writer.text(2, help);
  writer.integer(3, typeNumber(type));
  return writer.finish();
}

/**
 * The metrics of a family in the text format. What is called a histogram or a summary and is none (no `_count`, a bucket
 * without `le`, half a request) becomes families of unknown type, so that no sample is lost.
 */
export function encodeFamily(family: Family, samples: readonly Sample[]): EncodedFamily[] {
  const type = simpleType(family.type);
  if (type !== 'histogram' && type !== 'summary') return byName(type, samples);
  const metrics: Metric[] = [];
  const odd: Sample[] = [];
  for (const group of groups(family.key, type, samples)) {
    const value = type === 'histogram' ? histogram(family.key, group) : summary(family.key, group);
    if (value === undefined) odd.push(...group.samples);
    else metrics.push(metric(group.labels, group.timestamp, type === 'histogram' ? 7 : 4, value));
  }
  return [...(metrics.length === 0 ? [] : [{ name: family.key, type, metrics }]), ...byName('unknown', odd)];
}

function byName(type: MetricType, samples: readonly Sample[]): EncodedFamily[] {
  const families = new Map<string, Metric[]>();
  const field = VALUE_FIELDS[typeNumber(type)] ?? 5;
  for (const { name, labels, timestamp, value } of samples) {
    const writer = protobufWriter();
    writer.double(1, toNumber(value));
    const metrics = families.get(name) ?? [];
    metrics.push(metric(labels, timestamp, field, writer));
    families.set(name, metrics);
  }
  return [...families].map(([name, metrics]) => ({ name, type, metrics }));
}

/** Info and state sets are gauges, as in the text format; a gauge histogram is nothing in particular there. */
const simpleType = (type: MetricType | undefined): MetricType =>
  type === 'info' || type === 'stateset'
    ? 'gauge'
    : type === 'gaugehistogram'
      ? 'unknown'
      : (type ?? 'unknown');

const typeNumber = (type: MetricType) => TYPE_NUMBERS[type] ?? 3;

function metric(labels: Labels, timestamp: number | undefined, field: number, value: ProtobufWriter): Metric {
  const plain = labels.map(([name, text]) => [name, unescaped(text)] as const);
  const writer = protobufWriter();
  for (const [name, text] of plain) {
    const label = protobufWriter();
    label.text(1, name);
    label.text(2, text);
    writer.bytes(1, label.finish());
  }
  writer.bytes(field, value.finish());
  const time = timestamp === undefined ? undefined : Math.round(timestamp);
  if (time !== undefined) writer.integer(6, time);
  const whole = protobufWriter();
  whole.bytes(4, writer.finish());
  return { series: () => seriesName(plain, time === undefined ? '' : String(time)), bytes: whole.finish() };
}

function groups(key: string, type: MetricType, samples: readonly Sample[]): Iterable<Group> {
  const found = new Map<string, Group>();
  const own = type === 'histogram' ? 'le' : 'quantile';
  for (const sample of samples) {
    const isPart = sample.name === (type === 'histogram' ? `${key}_bucket` : key);
    const labels = isPart ? sample.labels.filter(([name]) => name !== own) : sample.labels;
    const id = seriesName(labels, String(sample.timestamp ?? ''));
    const group = found.get(id) ?? { labels, timestamp: sample.timestamp, samples: [] };
    group.samples.push(sample);
    found.set(id, group);
  }
  return found.values();
}

function histogram(key: string, group: Group): ProtobufWriter | undefined {
  const found = totals(key, group);
  if (found === undefined) return undefined;
  const { writer, parts } = found;
  for (const sample of parts) {
    const bound = labelOf(sample, 'le');
    const count = toNumber(sample.value);
    if (sample.name !== `${key}_bucket` || bound === undefined || !isCount(count)) return undefined;
    const bucket = protobufWriter();
    bucket.integer(1, count);
    bucket.double(2, bound);
    writer.bytes(3, bucket.finish());
  }
  return writer;
}

function summary(key: string, group: Group): ProtobufWriter | undefined {
  const found = totals(key, group);
  if (found === undefined) return undefined;
  const { writer, parts } = found;
  for (const sample of parts) {
    const at = labelOf(sample, 'quantile');
    if (sample.name !== key || at === undefined) return undefined;
    const quantile = protobufWriter();
    quantile.double(1, at);
    quantile.double(2, toNumber(sample.value));
    writer.bytes(3, quantile.finish());
  }
  return writer;
}

/** Count and sum, written, and the other samples. Undefined when they are not there once each. */
function totals(
  key: string,
  { samples }: Group,
): { readonly writer: ProtobufWriter; readonly parts: readonly Sample[] } | undefined {
  const [count, sum] = ['_count', '_sum'].map((suffix) =>
    samples.filter(({ name }) => name === `${key}${suffix}`).map(({ value }) => toNumber(value)),
  );
  if (count?.length !== 1 || sum?.length !== 1 || !isCount(count[0])) return undefined;
  const writer = protobufWriter();
  writer.integer(1, count[0]);
  writer.double(2, sum[0] ?? 0);
  return { writer, parts: samples.filter(({ name }) => name !== `${key}_count` && name !== `${key}_sum`) };
}

function labelOf(sample: Sample, label: string): number | undefined {
  const value = sample.labels.find(([name]) => name === label)?.[1];
  const number = value === undefined ? Number.NaN : toNumber(value);
  return Number.isNaN(number) ? undefined : number;
}

const isCount = (value: number | undefined): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

const toNumber = (text: string) => {
  const infinite = /^([+-]?)inf$/i.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  return text === '' ? Number.NaN : Number(text);
};

const unescaped = (text: string) =>
  !text.includes('\\')
    ? text
    : text.replace(/\\(.)/g, (_pair, escaped: string) => (escaped === 'n' ? '\n' : escaped));
