/** A small, strict reader of length-delimited `io.prometheus.client.MetricFamily`, written apart from the one under test. */

export interface DecodedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** As the text format has them, sorted: `name{labels} value @timestamp`. */
  readonly samples: string[];
}

type Message = Map<number, (bigint | number | Buffer)[]>;
const TYPES = ['counter', 'gauge', 'summary', 'untyped', 'histogram', 'gauge_histogram'];
const VALUES = [3, 2, undefined, 5];

/** @throws when the body breaks a rule: a length that is none, a metric without the value of its family's type */
export function readProtobuf(body: Buffer): DecodedFamily[] {
  const families: DecodedFamily[] = [];
  for (let at = 0; at < body.length; ) {
    const [length, start] = varint(body, at);
    const end = start + Number(length);
    if (end > body.length) throw new Error('a family is cut off');
    families.push(family(message(body.subarray(start, end))));
    at = end;
  }
  return families;
}

export const samplesOf = (body: Buffer): string[] =>
  readProtobuf(body)
    .flatMap(({ samples }) => samples)
    .sort();

function family(fields: Message): DecodedFamily {
  const name = text(fields, 1);
  const type = Number(fields.get(3)?.at(-1) ?? 0);
  const samples = (fields.get(4) ?? []).flatMap((bytes) => metric(name, type, message(bytes as Buffer)));
  return { name, help: text(fields, 2), type: TYPES[type] ?? '?', samples: samples.sort() };
}

function metric(name: string, type: number, fields: Message): string[] {
  const labels = (fields.get(1) ?? []).map((bytes) => {
    const pair = message(bytes as Buffer);
    return `${text(pair, 1)}=${JSON.stringify(text(pair, 2))}`;
  });
  const time = fields.has(6) ? String(BigInt.asIntN(64, fields.get(6)?.[0] as bigint)) : '';
  const line = (suffix: string, value: unknown, ...more: string[]) =>
    `${name}${suffix}{${[...labels, ...more].sort().join(',')}} ${value} @${time}`;
  const inner = (field: number) => {
    const found = fields.get(field)?.[0];
    if (found === undefined) throw new Error(`${name} has no value of its type`);
    return message(found as Buffer);
  };
  if (type === 4 || type === 2) {
    const value = inner(type === 4 ? 7 : 4);
    const parts = (value.get(3) ?? []).map((bytes) => {
      const part = message(bytes as Buffer);
      return type === 4
        ? line('_bucket', part.get(1)?.[0] ?? 0, `le="${part.get(2)?.[0] ?? 0}"`)
        : line('', part.get(2)?.[0] ?? 0, `quantile="${part.get(1)?.[0] ?? 0}"`);
    });
    return [...parts, line('_count', value.get(1)?.[0] ?? 0), line('_sum', value.get(2)?.[0] ?? 0)];
  }
  return [line('', inner(VALUES[type] ?? 0).get(1)?.[0] ?? 0)];
}

const text = (fields: Message, field: number) =>
  (fields.get(field)?.at(-1) as Buffer | undefined)?.toString() ?? '';

function message(bytes: Buffer): Message {
  const fields: Message = new Map();
  for (let at = 0; at < bytes.length; ) {
    const [tag, start] = varint(bytes, at);
    const [value, end] = field(bytes, start, Number(tag & 7n));
    const values = fields.get(Number(tag >> 3n)) ?? [];
    values.push(value);
    fields.set(Number(tag >> 3n), values);
    at = end;
  }
  return fields;
}

function field(bytes: Buffer, at: number, kind: number): [bigint | number | Buffer, number] {
  if (kind === 0) return varint(bytes, at);
  if (kind === 1) return [bytes.readDoubleLE(at), at + 8];
  if (kind !== 2) throw new Error(`wire type ${kind}`);
  const [length, start] = varint(bytes, at);
  const end = start + Number(length);
  if (end > bytes.length) throw new Error('a field is cut off');
  return [bytes.subarray(start, end), end];
}

function varint(bytes: Buffer, from: number): [bigint, number] {
  let value = 0n;
  for (let at = from; ; at += 1) {
    const byte = bytes[at];
    if (byte === undefined || at - from > 9) throw new Error('a number without an end');
    value |= BigInt(byte & 127) << BigInt(7 * (at - from));
    if (byte < 128) return [value, at + 1];
  }
}
