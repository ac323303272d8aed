import { toError } from '../platform/errors.ts';
import { shorten } from './findings.ts';
import { parseGoInt } from './go-values.ts';
import { isObject, parseJson } from './json.ts';

/** One place where the application serves metrics of its own (`ISTIO_PROMETHEUS_ANNOTATIONS`). */
export interface ScrapeTarget {
  readonly scheme: 'http' | 'https';
  readonly port: number;
  /** With leading slash, query kept. */
  readonly path: string;
}

const VARIABLE = 'ISTIO_PROMETHEUS_ANNOTATIONS';
const DEFAULT_PORT = 80;
const DEFAULT_PATH = '/metrics';
/** Ports of the mesh itself: scraping them would merge the answer into itself, or the proxy's own traffic. */
const RESERVED = new Set([15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090]);

/**
 * Parses `ISTIO_PROMETHEUS_ANNOTATIONS`: `scrape`, `path`, `port`, `scheme` for one place, or `targets` (also
 * `prometheus.istio.io/scrape-targets`), a list such as `8080:/m,9100:/m` or, as the injector of Istio 1.31 writes it,
 * `[{"port":"8080","path":"/m"}]`, which then counts alone.
 * @param own ports that the agent or Envoy serve, by the name of what sets them
 */
export function parseScrapeTargets(
  text: string,
  own: ReadonlyMap<number, string>,
  problems: string[],
): readonly ScrapeTarget[] {
  if (text.trim() === '') return [];
  try {
    const fields: unknown = parseJson(text);
    if (!isObject(fields)) throw new Error('expected a JSON object with scrape, path, port');
    if (read(fields, 'scrape') === 'false') return [];
    const list = readList(fields, 'targets') ?? readList(fields, 'prometheus.istio.io/scrape-targets');
    const scheme = schemeOf(read(fields, 'scheme'));
    const single = { port: read(fields, 'port') || String(DEFAULT_PORT), path: read(fields, 'path') };
    const targets = list ?? [single];
    return distinct(targets.flatMap(({ port, path }) => target(scheme, port, path, own, problems)));
  } catch (error) {
    problems.push(`${VARIABLE} "${shorten(text)}": ${toError(error).message}`);
    return [];
  }
}

function read(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name] ?? '';
  if (['string', 'number', 'boolean'].includes(typeof value)) return String(value).trim();
  throw new Error(`${name}: expected a text`);
}

interface Place {
  readonly port: string;
  readonly path: string;
}

/** Undefined when there is no list, or nothing in it. */
function readList(fields: Readonly<Record<string, unknown>>, name: string): readonly Place[] | undefined {
  const value = fields[name];
  if (!Array.isArray(value)) {
    const text = read(fields, name);
    return text === '' ? undefined : text.split(',').map(split);
  }
  if (value.length === 0) return undefined;
  return value.map((entry: unknown) => {
    if (!isObject(entry)) throw new Error(`${name}: expected a list of objects with port and path`);
    return { port: read(entry, 'port'), path: read(entry, 'path') };
  });
}

function split(entry: string): Place {
  const colon = entry.indexOf(':');
  const [port, path] = colon < 0 ? [entry, ''] : [entry.slice(0, colon), entry.slice(colon + 1)];
  return { port: port.trim(), path: path.trim() };
}

function schemeOf(text: string): 'http' | 'https' {
  if (text === '' || text === 'http') return 'http';
  if (text === 'https') return 'https';
  throw new Error(`scheme "${text}": expected http or https`);
}

function target(
  scheme: ScrapeTarget['scheme'],
  text: string,
  path: string,
  own: ReadonlyMap<number, string>,
  problems: string[],
): ScrapeTarget[] {
  const port = parseGoInt(text);
  if (port === undefined || port < 1 || port > 65535) {
    problems.push(`${VARIABLE}: port "${text}": expected a number in the range 1..65535`);
    return [];
  }
  const owner = own.get(port) ?? (RESERVED.has(port) ? 'a port of the mesh' : undefined);
  if (owner !== undefined) {
    problems.push(
      `${VARIABLE}: port ${port} is not the application's (${owner}); name a port of the application`,
    );
    return [];
  }
  return [{ scheme, port, path: path === '' ? DEFAULT_PATH : path.startsWith('/') ? path : `/${path}` }];
}

function distinct(targets: readonly ScrapeTarget[]): readonly ScrapeTarget[] {
  return [...new Map(targets.map((one) => [`${one.scheme}:${one.port}${one.path}`, one])).values()];
}
