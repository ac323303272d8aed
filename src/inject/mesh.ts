import { type Millis, millis, parseGoDuration } from '../platform/duration.ts';
import { InputError } from '../platform/errors.ts';
import { type Fields, isObject, sameJson, show } from './json.ts';
import type { StringMap } from './kubernetes.ts';
import { readTree } from './tree-reader.ts';
import type { Compat } from './values.ts';

export type InterceptionMode = 'REDIRECT' | 'TPROXY' | 'NONE';
const MODES: readonly string[] = ['REDIRECT', 'TPROXY', 'NONE'] satisfies InterceptionMode[];

/** The mesh configuration, so far as injection reads it. */
export interface Mesh {
  /** `defaultConfig` as it was written; a pod's `proxy.istio.io/config` goes on top. */
  readonly proxyFields: Fields;
  readonly enablePrometheusMerge: boolean;
  readonly trustDomain: string;
  readonly sdsUdsPath: string;
  readonly proxyListenPort: number;
  readonly proxyInboundListenPort: number;
}

/** The ProxyConfig that holds for one pod. */
export interface ProxyConfig {
  readonly drainDuration: Millis;
  readonly parentShutdownDuration: Millis;
  readonly discoveryAddress: string;
  readonly connectTimeout: Millis;
  readonly statsdUdpAddress: string;
  readonly envoyMetricsService: Fields;
  readonly envoyAccessLogService: Fields;
  readonly proxyAdminPort: number;
  readonly concurrency: number;
  readonly interceptionMode: InterceptionMode;
  readonly tracing: Fields;
  readonly proxyMetadata: StringMap;
  readonly holdApplicationUntilProxyStarts: boolean | undefined;
  readonly imageType: string;
  readonly statusPort: number | undefined;
  /** What was written and is not what holds anyway: the value of PROXY_CONFIG. */
  readonly fields: Fields;
}

/** What the code of each version takes for granted. */
const DEFAULTS = {
  '1.5': { discoveryAddress: 'istio-pilot:15010', connectTimeout: '1s' },
  '1.30': { discoveryAddress: 'istiod.istio-system.svc:15012', connectTimeout: '10s' },
} as const;

/** What the charts of each version write into the mesh configuration of a cluster. */
const CHART: Readonly<Record<Compat, Fields>> = {
  '1.5': {
    trustDomain: 'cluster.local',
    defaultConfig: {
      concurrency: 2,
      connectTimeout: '10s',
      drainDuration: '45s',
      parentShutdownDuration: '1m0s',
      proxyAdminPort: 15000,
      discoveryAddress: 'istiod.istio-system.svc:15012',
      tracing: { zipkin: { address: 'zipkin.istio-system:9411' } },
    },
  },
  '1.30': {
    trustDomain: 'cluster.local',
    enablePrometheusMerge: true,
    defaultConfig: { discoveryAddress: 'istiod.istio-system.svc:15012' },
  },
};

/**
 * Reads a mesh configuration.
 * @param tree the parsed file; undefined when there is none: then it is what the chart gives a cluster
 * @throws InputError with everything that is wrong, with `defaultConfig` too
 */
export function readMesh(tree: unknown, compat: Compat): Mesh {
  const given = tree === undefined ? CHART[compat] : (tree ?? {});
  if (!isObject(given)) throw new InputError(['mesh config: expected an object with "defaultConfig"']);
  const at = readTree(given, 'mesh config');
  const proxyFields = at.object('defaultConfig', {});
  const mesh: Mesh = {
    proxyFields,
    enablePrometheusMerge: at.flag('enablePrometheusMerge', compat === '1.30'),
    trustDomain: at.text('trustDomain', compat === '1.30' ? 'cluster.local' : ''),
    sdsUdsPath: at.text('sdsUdsPath', ''),
    proxyListenPort: at.number('proxyListenPort', 15001) || 15001,
    proxyInboundListenPort: at.number('proxyInboundListenPort', 15006) || 15006,
  };
  readProxyConfig([proxyFields], compat, 'mesh config: defaultConfig', at.problems);
  if (at.problems.length > 0) throw new InputError(at.problems);
  return mesh;
}

/**
 * The ProxyConfig of these layers, the weakest first; `proxyMetadata` is a union.
 * @param name what the last layer is, for messages
 * @param problems gets everything that is wrong
 */
export function readProxyConfig(
  layers: readonly Fields[],
  compat: Compat,
  name: string,
  problems: string[],
): ProxyConfig {
  const fields = mergeLayers(layers);
  const at = readTree(fields, name);
  const duration = (path: string, fallback: string): Millis => {
    const text = at.text(path, fallback);
    const value = parseGoDuration(text);
    if (value !== undefined && value >= 0) return value;
    at.problems.push(`${name}: ${path}: expected a duration such as 45s, got "${text}"`);
    return millis(0);
  };
  const mode = at.text('interceptionMode', 'REDIRECT');
  if (!MODES.includes(mode)) {
    at.problems.push(`${name}: interceptionMode: expected ${MODES.join(', ')}, got ${show(mode)}`);
  }
  const from = DEFAULTS[compat];
  const config: ProxyConfig = {
    drainDuration: duration('drainDuration', '45s'),
    parentShutdownDuration: duration('parentShutdownDuration', '1m0s'),
    discoveryAddress: at.text('discoveryAddress', from.discoveryAddress),
    connectTimeout: duration('connectTimeout', from.connectTimeout),
    statsdUdpAddress: at.text('statsdUdpAddress', ''),
    envoyMetricsService: at.object('envoyMetricsService', {}),
    envoyAccessLogService: at.object('envoyAccessLogService', {}),
    proxyAdminPort: at.number('proxyAdminPort', 15000) || 15000,
    concurrency: at.number('concurrency', 0),
    interceptionMode: mode as InterceptionMode,
    tracing: at.object('tracing', {}),
    proxyMetadata: at.map('proxyMetadata'),
    holdApplicationUntilProxyStarts:
      at.raw('holdApplicationUntilProxyStarts') === null
        ? undefined
        : at.flag('holdApplicationUntilProxyStarts', false),
    imageType: at.text('image.imageType', ''),
    statusPort: at.raw('statusPort') === null ? undefined : at.number('statusPort', 15020),
    fields: withoutDefaults(fields),
  };
  problems.push(...at.problems);
  return config;
}

function mergeLayers(layers: readonly Fields[]): Fields {
  const merged: Record<string, unknown> = {};
  for (const layer of layers) {
    for (const [key, value] of Object.entries(layer)) {
      if (value === null || value === undefined) continue;
      const before = merged[key];
      merged[key] =
        key === 'proxyMetadata' && isObject(before) && isObject(value) ? { ...before, ...value } : value;
    }
  }
  return merged;
}

const IMPLIED: Fields = {
  discoveryAddress: DEFAULTS['1.30'].discoveryAddress,
  drainDuration: '45s',
  parentShutdownDuration: '60s',
  proxyAdminPort: 15000,
  statusPort: 15020,
  interceptionMode: 'REDIRECT',
};

function withoutDefaults(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key, value]) => !sameJson(value, IMPLIED[key])));
}
