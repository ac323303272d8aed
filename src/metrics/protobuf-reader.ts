/** Reads what the merge must know of a length-delimited `io.prometheus.client.MetricFamily`, and no more. */
import type { MetricType } from './format.ts';

const TYPES: readonly MetricType[] = [
  'counter',
  'gauge',
  'summary',
  'unknown',
  'histogram',
  'gaugehistogram',
];
const NAME = 1;
const TYPE = 3;
const METRIC = 4;
const LABEL = 1;
const TIMESTAMP = 6;

interface Field {
  readonly number: number;
  /** Of a varint; of other fields 0. */
  readonly value: number;
  /** Of what has a length: where it is. */
  readonly from: number;
  readonly to: number;
}

export interface FamilyHead {
  readonly name: string;
  readonly type: MetricType;
}

/** @returns the value and where it ends; undefined when the buffer ends within it, or when it is longer than 2^53 */
export function readVarint(
  buffer: Buffer,
  from: number,
  to: number,
): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let at = from, scale = 1; at < to && at < from + 10; at++, scale *= 128) {
    const byte = buffer[at] as number;
    value += (byte & 127) * scale;
    if (byte < 128) return { value, end: at + 1 };
  }
  return undefined;
}

/**
 * Name and type of a family: reads as far as the first metric.
 * @throws RangeError when it is no such message
 */
export function readFamilyHead(frame: Buffer): FamilyHead {
  let name = '';
  // A field that is at its default may be missing: type 0 is the counter.
  let type = 0;
  for (const field of fields(frame, 0, frame.length)) {
    if (field.number === NAME) name = frame.toString('utf8', field.from, field.to);
    else if (field.number === TYPE) type = field.value;
    else if (field.number === METRIC) break;
  }
  if (name === '') throw new RangeError('a family without a name');
  return { name, type: TYPES[type] ?? 'unknown' };
}

/** How many metrics a family has. */
export function countMetrics(frame: Buffer): number {
  let count = 0;
  for (let at = 0; at < frame.length; ) {
    const tag = frame[at] as number;
    const length = tag === ((METRIC << 3) | 2) ? readVarint(frame, at + 1, frame.length) : undefined;
    if (length === undefined) {
      at = skip(frame, at, frame.length);
    } else {
      count += 1;
      at = length.end + length.value;
    }
  }
  return count;
}

/** The series of a family, by labels and timestamp; without its name. */
export function readSeries(frame: Buffer): Set<string> {
  const series = new Set<string>();
  for (const metric of fields(frame, 0, frame.length)) {
    if (metric.number !== METRIC) continue;
    const labels: [string, string][] = [];
    let timestamp = '';
    for (const field of fields(frame, metric.from, metric.to)) {
      if (field.number === TIMESTAMP) timestamp = String(field.value);
      if (field.number !== LABEL) continue;
      const [name, value] = [...fields(frame, field.from, field.to)].map(({ from, to }) =>
        frame.toString('utf8', from, to),
      );
      labels.push([name ?? '', value ?? '']);
    }
    series.add(seriesName(labels, timestamp));
  }
  return series;
}

/** What makes two metrics of a family the same one. */
export const seriesName = (labels: readonly (readonly [string, string])[], timestamp: string): string =>
  JSON.stringify([...labels.map(([name, value]) => `${name}=${value}`).sort(), timestamp]);

function* fields(buffer: Buffer, from: number, to: number): Generator<Field> {
  for (let at = from; at < to; ) {
    const tag = readVarint(buffer, at, to);
    if (tag === undefined) throw new RangeError('a field without an end');
    const end = skip(buffer, at, to);
    const value = readVarint(buffer, tag.end, to);
    const kind = tag.value & 7;
    const start = kind === 2 ? (value?.end ?? end) : tag.end;
    yield { number: tag.value >>> 3, value: kind === 0 ? (value?.value ?? 0) : 0, from: start, to: end };
    at = end;
  }
}

/** Where the field that begins at `from` ends. */
function skip(buffer: Buffer, from: number, to: number): number {
  const tag = readVarint(buffer, from, to);
  const value = tag && readVarint(buffer, tag.end, to);
  const kind = (tag?.value ?? 7) & 7;
  const start = tag?.end ?? to;
  const end =
    kind === 0
      ? varintEnd(buffer, start, to)
      : kind === 1
        ? start + 8
        : kind === 2 && value !== undefined
          ? value.end + value.value
          : kind === 5
            ? start + 4
            : undefined;
  if (end === undefined || end > to) throw new RangeError('a field that is none, or is cut off');
  return end;
}

/** Beyond 2^53 as well: what is skipped need not be understood. */
function varintEnd(buffer: Buffer, from: number, to: number): number | undefined {
  for (let at = from; at < to && at < from + 10; at++) if ((buffer[at] as number) < 128) return at + 1;
  return undefined;
}
