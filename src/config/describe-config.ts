/** What `--print-config` prints. */
import { formatGoDuration, millis } from '../platform/duration.ts';
import type { AgentConfig } from './agent-config.ts';
import { isObject } from './json.ts';
import type { LoadedConfig } from './load-config.ts';
import { DEFAULT, describeOrigin } from './origin.ts';
import { SETTINGS } from './schema.ts';

const MASK = '***';
/** proxyMetadata, runtime values and the bootstrap override hold whatever somebody put there. */
const SECRET_NAME = /token|secret|passw|credential|api_?key|private_?key$/i;
const DURATIONS: ReadonlySet<string> = new Set([
  ...SETTINGS.filter(([, { format }]) => /duration|seconds|timeout/.test(format)).map(([key]) => key),
  // Within values of several parts.
  ...['timeout', 'time', 'interval', 'flushInterval', 'evictionInterval'],
]);
/** What others wrote in their own notation, where a number is no duration of ours. */
const AS_WRITTEN: readonly (keyof AgentConfig)[] = [
  'proxyConfig',
  'bootstrapOverride',
  'runtimeValues',
  'proxyMetadata',
];
/** File names that only look like secrets. */
const PATHS: ReadonlySet<string> = new Set(['privateKey', 'clientCertificate']);

/**
 * Every key, its effective value, and where that came from; secrets masked.
 * @param form an aligned table for people, or JSON: `{"<key>":{"value":...,"from":"..."}}`
 */
export function describeConfig(loaded: LoadedConfig, form: 'text' | 'json'): string {
  const rows = Object.entries(loaded.config).map(([key, value]) => ({
    key,
    value: printable(key, value, AS_WRITTEN.includes(key as keyof AgentConfig)),
    from: describeOrigin(loaded.origins.get(key) ?? DEFAULT),
  }));
  if (form === 'json') {
    return `${JSON.stringify(Object.fromEntries(rows.map(({ key, value, from }) => [key, { value, from }])), null, 2)}\n`;
  }
  const cells = [['KEY', 'FROM', 'VALUE'], ...rows.map(({ key, value, from }) => [key, from, inText(value)])];
  const width = (column: number): number => Math.max(...cells.map((row) => row[column]?.length ?? 0));
  const [keys, froms] = [width(0), width(1)];
  return cells
    .map(([key = '', from = '', value = '']) => `${key.padEnd(keys)}  ${from.padEnd(froms)}  ${value}\n`)
    .join('');
}

function printable(name: string, value: unknown, asWritten: boolean): unknown {
  if (value === undefined) return null;
  if (typeof value === 'string') {
    return SECRET_NAME.test(name) && !PATHS.has(name) && value !== '' ? MASK : value;
  }
  if (typeof value === 'number') {
    return DURATIONS.has(name) && !asWritten ? formatGoDuration(millis(value)) : value;
  }
  if (Array.isArray(value)) return value.map((entry) => printable('', entry, asWritten));
  const entries = value instanceof Map ? [...value] : isObject(value) ? Object.entries(value) : undefined;
  if (entries === undefined) return value;
  return Object.fromEntries(entries.map(([key, entry]) => [key, printable(key, entry, asWritten)]));
}

function inText(value: unknown): string {
  if (value === null) return '-';
  if (typeof value === 'string') return value === '' ? '""' : value;
  const json = JSON.stringify(value);
  return json === '{}' || json === '[]' ? '-' : json;
}
