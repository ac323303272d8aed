import { type Millis, seconds, toMillis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import { isObject, parseJson } from './json.ts';

/** What `ISTIO_KUBE_APP_PROBERS` says: path on the status port -> how to ask the application. */
export type AppProbers = ReadonlyMap<string, AppProber>;

export type AppProber = HttpProber | TcpProber | GrpcProber;

interface ProberBase {
  /** From the question to the last byte of the answer. The original's 0 ("no timeout") becomes kubelet's default, 1 s. */
  readonly timeout: Millis;
}
export interface HttpProber extends ProberBase {
  readonly kind: 'http';
  readonly scheme: 'http' | 'https';
  readonly port: number;
  /** With leading slash, query kept. */
  readonly path: string;
  /** A literal `Host` among the probe's `httpHeaders`; the others are sent by the kubelet itself. */
  readonly hostHeader: string | undefined;
}
export interface TcpProber extends ProberBase {
  readonly kind: 'tcp';
  readonly port: number;
}
export interface GrpcProber extends ProberBase {
  readonly kind: 'grpc';
  readonly port: number;
  readonly service: string;
}

const VARIABLE = 'ISTIO_KUBE_APP_PROBERS';
const KEY = /^\/(app-health|app-lifecycle)\/[^/]+\/(livez|readyz|startupz|prestopz|poststartz)$/;
const KINDS = ['httpGet', 'tcpSocket', 'grpc'] as const;
const DEFAULT_TIMEOUT_SECONDS = 1;
/** A lifecycle hook has no timeout in Kubernetes but the pod's grace period. Nothing here waits for ever. */
const HOOK_TIMEOUT_SECONDS = 600;

/**
 * Parses `ISTIO_KUBE_APP_PROBERS` (pilot-agent-1.30.md §4.4). Names of fields count without case; unknown ones are the
 * kubelet's business. Everything wrong is added to the problems.
 */
export function parseAppProbers(text: string, problems: string[]): AppProbers {
  const probers = new Map<string, AppProber>();
  if (text.trim() === '') return probers;
  let document: unknown;
  try {
    document = parseJson(text);
  } catch (error) {
    problems.push(`${VARIABLE}: not JSON: ${toError(error).message}`);
    return probers;
  }
  if (!isObject(document)) {
    problems.push(`${VARIABLE}: expected an object, from path to probe`);
    return probers;
  }
  for (const [path, value] of Object.entries(document)) {
    if (!KEY.test(path)) {
      problems.push(
        `${VARIABLE}: "${path}": expected /app-health/<container>/(livez|readyz|startupz) as the path`,
      );
      continue;
    }
    try {
      probers.set(path, parseProber(path, value));
    } catch (error) {
      problems.push(`${VARIABLE}: "${path}": ${toError(error).message}`);
    }
  }
  return probers;
}

function parseProber(path: string, value: unknown): AppProber {
  const probe = fieldsOf(value, 'the probe');
  const kinds = KINDS.filter((kind) => (probe.get(kind.toLowerCase()) ?? null) !== null);
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1) {
    throw new Error(`expected exactly one of ${KINDS.join(', ')}, got ${kinds.join(' and ') || 'none'}`);
  }
  const timeout = timeoutOf(path, probe.get('timeoutseconds'));
  const fields = fieldsOf(probe.get(kind.toLowerCase()), kind);
  const port = portOf(fields.get('port'), kind);
  switch (kind) {
    case 'httpGet':
      return {
        kind: 'http',
        timeout,
        port,
        scheme: schemeOf(fields.get('scheme')),
        path: withSlash(textOf(fields.get('path'), 'httpGet.path')),
        hostHeader: hostOf(fields.get('httpheaders')),
      };
    case 'tcpSocket':
      return { kind: 'tcp', timeout, port };
    case 'grpc':
      return { kind: 'grpc', timeout, port, service: textOf(fields.get('service'), 'grpc.service') };
  }
}

function fieldsOf(value: unknown, what: string): ReadonlyMap<string, unknown> {
  if (!isObject(value)) throw new Error(`${what} is ${JSON.stringify(value)}, expected an object`);
  return new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]));
}

function timeoutOf(path: string, value: unknown): Millis {
  const given = value ?? 0;
  if (typeof given !== 'number' || !(given >= 0) || given > 86_400) {
    throw new Error(`timeoutSeconds is ${JSON.stringify(value)}, expected a number of seconds`);
  }
  const otherwise = path.startsWith('/app-lifecycle/') ? HOOK_TIMEOUT_SECONDS : DEFAULT_TIMEOUT_SECONDS;
  return toMillis(seconds(given === 0 ? otherwise : given));
}

function portOf(value: unknown, kind: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65535) return value;
  const names = typeof value === 'string' ? '; names of ports are resolved by the injector' : '';
  throw new Error(
    `${kind}.port is ${JSON.stringify(value) ?? 'missing'}, expected a number, 1..65535${names}`,
  );
}

function schemeOf(value: unknown): 'http' | 'https' {
  const scheme = textOf(value, 'httpGet.scheme').toLowerCase();
  if (scheme === '' || scheme === 'http') return 'http';
  if (scheme === 'https') return 'https';
  throw new Error(`httpGet.scheme is "${value}", expected HTTP or HTTPS`);
}

function hostOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw new Error('httpGet.httpHeaders is not a list');
  for (const entry of value) {
    const header = fieldsOf(entry, 'an entry of httpGet.httpHeaders');
    const name = textOf(header.get('name'), 'the name of a header').toLowerCase();
    const text = textOf(header.get('value'), `the value of the header "${name}"`);
    if ((name === 'host' || name === ':authority') && text !== '') return text;
  }
  return undefined;
}

function textOf(value: unknown, what: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value;
  throw new Error(`${what} is ${JSON.stringify(value)}, expected a text`);
}

function withSlash(path: string): string {
  return path.startsWith('/') ? path : `/${path}`;
}
