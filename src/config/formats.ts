/** The formats of the schema: strict, text in, typed value out. They replace convict's own, which guess (`"15abc"` -> 15). */

import convict from 'convict';
import { type Millis, parseGoDuration, seconds, toMillis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import { normalizeIp, parseHostPort } from './addresses.ts';
import type { LogLevel } from './agent-config.ts';
import { parseGoBool, parseGoInt } from './go-values.ts';
import { isObject, parseJson } from './json.ts';
import { parseLogLevels } from './log-options.ts';

/** Format name -> type of its values. `undefined` (in convict: null) is what an empty text means where a setting allows that. */
export interface FormatTypes {
  readonly text: string;
  readonly 'required-text': string;
  readonly 'optional-text': string;
  readonly 'id-part': string;
  readonly boolean: boolean;
  readonly int: number;
  readonly nat: number;
  readonly port: number;
  readonly 'port-or-off': number;
  readonly uid: number;
  readonly 'base-id': number;
  readonly duration: Millis;
  readonly 'positive-duration': Millis;
  readonly 'whole-seconds': Millis;
  readonly 'connect-timeout': Millis;
  readonly 'seconds-number': Millis;
  readonly address: string;
  readonly ip: string;
  readonly list: readonly string[];
  readonly 'regexp-list': readonly string[];
  readonly 'text-map': ReadonlyMap<string, string>;
  readonly object: ReadonlyMap<string, unknown>;
  readonly 'histogram-buckets': ReadonlyMap<string, readonly number[]>;
  readonly 'log-levels': ReadonlyMap<string, LogLevel>;
  readonly output: 'text' | 'json';
  readonly registry: 'Kubernetes' | 'Consul' | 'Mock';
  readonly 'auth-policy': 'NONE' | 'MUTUAL_TLS';
  readonly 'jwt-policy': 'third-party-jwt' | 'first-party-jwt' | 'none';
  readonly 'tracing-name': 'APP_LABEL_AND_NAMESPACE' | 'CANONICAL_NAME_ONLY' | 'CANONICAL_NAME_AND_NAMESPACE';
}
export type FormatName = keyof FormatTypes;

type Parse<T> = (text: string) => T | null;

const ONE_HOUR = 3_600_000;
/** Envoy multiplies the base id by ten in 32 bits. */
const MAX_BASE_ID = 429_496_728;
const MAX_UID = 2 ** 31 - 1;

/** Each throws an Error that says what was expected, as the end of a sentence: `--concurrency "x": expected ...`. */
const PARSERS: { readonly [N in FormatName]: Parse<FormatTypes[N]> } = {
  text: (text) => text,
  'required-text': (text) => {
    if (text.trim() === '') throw new Error('must be set');
    return text;
  },
  'optional-text': (text) => (text === '' ? null : text),
  // These are joined with "~" into the node id.
  'id-part': (text) => {
    if (/[~\s]/.test(text)) throw new Error('expected a name without "~" and without blanks');
    return text === '' ? null : text;
  },
  boolean: (text) => parseGoBool(text) ?? fail('expected true or false'),
  int: (text) => parseGoInt(text) ?? fail('expected a whole number such as 8'),
  nat: (text) => wholeNumber(text, 0, Number.MAX_SAFE_INTEGER, 'expected a whole number, 0 or more'),
  port: (text) => wholeNumber(text, 1, 65535, 'expected a port in the range 1..65535'),
  'port-or-off': (text) =>
    wholeNumber(text, 0, 65535, 'expected a port in the range 1..65535, or 0 for none'),
  uid: (text) => wholeNumber(text, 0, MAX_UID, 'expected a numeric user id such as 1337'),
  'base-id': (text) =>
    wholeNumber(text, 0, MAX_BASE_ID, `expected a whole number in the range 0..${MAX_BASE_ID}`),
  duration: (text) => {
    const value = duration(text);
    return value < 0 ? fail('expected a duration of 0s or more') : value;
  },
  'positive-duration': (text) => wholeMillis(duration(text)),
  'whole-seconds': (text) => {
    const value = duration(text);
    if (value <= 0) throw new Error('expected a duration over 0s');
    if (value % 1_000 !== 0) throw new Error('expected whole seconds such as 45s');
    if (value > ONE_HOUR) throw new Error('expected at most 1h0m0s');
    return value;
  },
  'connect-timeout': (text) => {
    const value = wholeMillis(duration(text));
    return value > 30_000 ? fail('expected a duration between 1ms and 30s') : value;
  },
  'seconds-number': (text) =>
    toMillis(seconds(wholeNumber(text, 0, 86_400, 'expected a whole number of seconds, 0..86400'))),
  address: hostPort,
  ip: (text) => {
    if (text === '') return null;
    return normalizeIp(text) ?? fail('expected an IP address such as 10.0.0.1 or fd00::1');
  },
  list: (text) => entries(text.startsWith('[') ? textArray(text) : text.split(',')),
  'regexp-list': (text) => entries(splitRegexps(text)),
  'text-map': (text) =>
    new Map(Object.entries(object(text)).map(([key, value]) => [key, mapValue(key, value)])),
  object: (text) => (text === '' ? null : new Map(Object.entries(object(text)))),
  'histogram-buckets': (text) =>
    new Map(Object.entries(object(text)).map(([key, value]) => [key, bounds(value)])),
  'log-levels': parseLogLevels,
  output: oneOf('text', 'json'),
  registry: oneOf('Kubernetes', 'Consul', 'Mock'),
  'auth-policy': oneOf('NONE', 'MUTUAL_TLS'),
  'jwt-policy': oneOf('third-party-jwt', 'first-party-jwt', 'none'),
  'tracing-name': oneOf('APP_LABEL_AND_NAMESPACE', 'CANONICAL_NAME_ONLY', 'CANONICAL_NAME_AND_NAMESPACE'),
};

/** Makes the formats known to convict, in place of its own of the same names. Doing it again changes nothing. */
export function registerFormats(): void {
  for (const [name, parse] of Object.entries(PARSERS)) {
    // A value that is text still, under a format that is not text, was never parsed; the parser says what it expects.
    const validate = (value: unknown): void => {
      if (value === null) throw new Error('must be set');
      if (typeof value === 'string') parse(value);
    };
    convict.addFormat({ name, coerce: parse, validate });
  }
}

/** Parses one text by a format. @throws Error saying what was expected */
export function parseFormat<N extends FormatName>(name: N, text: string): FormatTypes[N] | null {
  return PARSERS[name](text);
}

function fail(message: string): never {
  throw new Error(message);
}

function oneOf<const T extends string>(...options: readonly T[]): Parse<T> {
  return (text) => options.find((option) => option === text) ?? fail(`expected one of ${options.join(', ')}`);
}

function wholeNumber(text: string, low: number, high: number, expected: string): number {
  const value = parseGoInt(text);
  return value !== undefined && value >= low && value <= high ? value : fail(expected);
}

function duration(text: string): Millis {
  return parseGoDuration(text) ?? fail('expected a duration with its unit, such as 45s, 1m30s or 500ms');
}

function wholeMillis(value: Millis): Millis {
  if (value < 1) throw new Error('expected a duration of 1ms or more');
  return Number.isInteger(value) ? value : fail('expected whole milliseconds');
}

function hostPort(text: string): string | null {
  if (text === '') return null;
  parseHostPort(text);
  return text;
}

function textArray(text: string): readonly string[] {
  const value: unknown = parseJson(text);
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value;
  throw new Error('expected a list of texts');
}

function entries(parts: readonly string[]): readonly string[] {
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

/** Splits at commas, but not at those of a regular expression (`y{2,3}`, `(a,b)`, `[,;]`, `\,`). */
function splitRegexps(text: string): string[] {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (char === '\\') {
      part += char + (text[at + 1] ?? '');
      at += 1;
      continue;
    }
    if ('{[('.includes(char)) depth += 1;
    if ('}])'.includes(char)) depth = Math.max(0, depth - 1);
    if (char === ',' && depth === 0) {
      parts.push(part);
      part = '';
    } else part += char;
  }
  return [...parts, part];
}

function object(text: string): Readonly<Record<string, unknown>> {
  if (text === '') return {};
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    throw new Error(`expected a JSON object (${toError(error).message})`);
  }
  return isObject(value) ? value : fail('expected a JSON object');
}

function mapValue(key: string, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`expected text as the value of "${key}"`);
}

function bounds(value: unknown): readonly number[] {
  const numbers = Array.isArray(value) ? value : [];
  const rising = numbers.every(
    (bound, at) => typeof bound === 'number' && bound > 0 && (at === 0 || bound > numbers[at - 1]),
  );
  return numbers.length > 0 && rising
    ? numbers
    : fail('expected {"<prefix>":[<upper bounds, rising, over 0>]}');
}
