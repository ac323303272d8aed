/**
 * The careful reader of one sample line, for what the scanner does not know: timestamps, exemplars, spaces where no
 * writer should put them, odd escapes, NaN in its spellings. It accepts what Prometheus accepts and writes it back in
 * the one form that every reader takes. Grammar: Prometheus text 0.0.4; OpenMetrics 1.0.
 */
import { isUtf8 } from 'node:buffer';
import type { Format } from './format.ts';

export interface Sample {
  readonly name: string;
  /** Name and value, the value as it stands between the quotes, escapes in their usual form. */
  readonly labels: readonly (readonly [string, string])[];
  readonly value: string;
  /** Unix time in milliseconds. */
  readonly timestamp: number | undefined;
  /** OpenMetrics only: what follows `# `, already in its usual form. */
  readonly exemplar: string | undefined;
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*/y;
const REST = /^[ \t]*(\S+)(?:[ \t]+([^\s#]+))?[ \t]*(?:#[ \t]*(\{.*))?$/;
const EXEMPLAR_REST = /^[ \t]*(\S+)(?:[ \t]+(\S+))?[ \t]*$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NOT_A_NUMBER = /^[+-]?nan$/i;
/** Later times (after the year 33,000) are out of bounds for Prometheus, and for the precision of a float in seconds. */
const MAX_TIME_MS = 1e15;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** Reads a line without its newline. Undefined when Prometheus would refuse it, and with it the whole scrape. */
export function parseSample(line: Buffer, format: Format): Sample | undefined {
  if (!isUtf8(line) || line.includes(0)) return undefined;
  const text = line.toString('utf8').trim();
  const name = matchAt(NAME, text, 0)?.[0];
  if (name === undefined) return undefined;
  const labels = parseLabels(text, name.length + (/^[ \t]*/.exec(text.slice(name.length))?.[0].length ?? 0));
  if (labels === undefined) return undefined;
  // Neither labels nor a space behind the name: another character does not belong there.
  if (labels.end === name.length) return undefined;
  const [whole, value = '', time, exemplar] = REST.exec(text.slice(labels.end)) ?? [];
  if (whole === undefined || (exemplar !== undefined && format === 'text')) return undefined;
  const number = normaliseValue(value);
  const timestamp = time === undefined ? undefined : parseTimestamp(time, format);
  const written = exemplar === undefined ? undefined : parseExemplar(exemplar);
  if (number === undefined) return undefined;
  if (time !== undefined && timestamp === undefined) return undefined;
  if (exemplar !== undefined && written === undefined) return undefined;
  return { name, labels: labels.labels, value: number, timestamp, exemplar: written };
}

/** Writes a sample as a line of the format, with its newline. Exemplars have no place in the text format. */
export function renderSample(sample: Sample, format: Format): string {
  const { timestamp, exemplar } = sample;
  const time =
    timestamp === undefined ? '' : ` ${format === 'text' ? Math.round(timestamp) : timestamp / 1_000}`;
  const tail = exemplar === undefined || format === 'text' ? '' : ` # ${exemplar}`;
  return `${sample.name}${renderLabels(sample.labels)} ${sample.value}${time}${tail}\n`;
}

/** What makes two samples the same series at the same time: name, labels in any order, timestamp. */
export function seriesKey(sample: Sample): string {
  const labels = sample.labels.map(([name, value]) => `${name}="${value}"`).sort();
  return `${sample.name}{${labels.join(',')}}${sample.timestamp ?? ''}`;
}

const renderLabels = (labels: Sample['labels']) =>
  labels.length === 0 ? '' : `{${labels.map(([name, value]) => `${name}="${value}"`).join(',')}}`;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

function parseLabels(text: string, start: number): { labels: [string, string][]; end: number } | undefined {
  const labels: [string, string][] = [];
  if (text[start] !== '{') return { labels, end: start };
  const seen = new Set<string>(['__name__']);
  let at = start + 1;
  for (;;) {
    const label = matchAt(LABEL, text, at);
    if (label === undefined) break;
    const [{ length }, name = '', value = ''] = label;
    if (seen.has(name)) return undefined;
    seen.add(name);
    // An escape that no format defines stands for itself; Go's stricter reader wants the backslash doubled.
    labels.push([
      name,
      value.replace(/\\(.)/g, (pair, escaped) => ('\\"n'.includes(escaped) ? pair : `\\${pair}`)),
    ]);
    at += length;
    if (text[at] !== ',') break;
    at += 1;
  }
  const close = /^[ \t]*\}/.exec(text.slice(at));
  return close === null ? undefined : { labels, end: at + close[0].length };
}

function normaliseValue(value: string): string | undefined {
  if (NUMBER.test(value)) return Number.isFinite(Number(value)) ? value : undefined;
  if (NOT_A_NUMBER.test(value)) return 'NaN';
  const [, sign] = INFINITE.exec(value) ?? [];
  return sign === undefined ? undefined : `${sign === '-' ? '-' : '+'}Inf`;
}

function parseTimestamp(text: string, format: Format): number | undefined {
  let time = Number.NaN;
  if (format === 'text') time = /^-?\d+$/.test(text) ? Number(text) : time;
  // Rounded to the microsecond: what multiplying by a thousand adds behind that is the float's, not the sender's.
  else if (NUMBER.test(text)) time = Math.round(Number(text) * 1e6) / 1e3;
  return Math.abs(time) < MAX_TIME_MS ? time : undefined;
}

function parseExemplar(text: string): string | undefined {
  const labels = parseLabels(text, 0);
  if (labels === undefined) return undefined;
  const [whole, value = '', time] = EXEMPLAR_REST.exec(text.slice(labels.end)) ?? [];
  const number = whole === undefined ? undefined : normaliseValue(value);
  if (number === undefined || (time !== undefined && parseTimestamp(time, 'openmetrics') === undefined))
    return undefined;
  return `${renderLabels(labels.labels) || '{}'} ${number}${time === undefined ? '' : ` ${time}`}`;
}
