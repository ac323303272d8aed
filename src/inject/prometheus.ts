/** The pod is scraped at the agent, which merges the application's metrics with Envoy's (injection-iptables-sidecar.md B.7). */
import { ANNOTATION } from './annotations.ts';
import { parseJson, parseTruth } from './checks.ts';
import { isObject } from './json.ts';
import type { StringMap } from './kubernetes.ts';

export const SCRAPE_ENV = 'ISTIO_PROMETHEUS_ANNOTATIONS';
const PATH = '/stats/prometheus';
/** Where the agent serves metrics when it has no status port. */
const METRICS_PORT = '15090';
const NAMES = ['scrape', 'path', 'port'] as const;
type Name = (typeof NAMES)[number];
export const SCRAPE_ANNOTATIONS: readonly string[] = NAMES.map((name) => `prometheus.io/${name}`);

export interface ScrapeAnnotations {
  readonly annotations: StringMap;
  /** The value of `ISTIO_PROMETHEUS_ANNOTATIONS`: what the application wants; undefined when it says nothing. */
  readonly env: string | undefined;
}

/**
 * Turns a pod's Prometheus annotations to the agent.
 * @param statusPort of the agent, 0 when it has none
 * @param former ports at which the agent of an earlier injection may have been: annotations that turn there say nothing
 * @returns undefined when they stay as they are
 */
export function mergeScrape(
  annotations: StringMap,
  enabled: boolean,
  statusPort: number,
  former: readonly string[],
): ScrapeAnnotations | undefined {
  const own = annotations[ANNOTATION.mergeMetrics];
  if (!(own === undefined ? enabled : parseTruth(own) === true)) return undefined;
  const found = new Map<Name, string>();
  const rest: Record<string, string> = {};
  for (const [key, value] of Object.entries(annotations)) {
    const name = NAMES.find((each) => sanitize(key) === `prometheus_io_${each}`);
    if (name === undefined) rest[key] = value;
    else if (!found.has(name) || key === `prometheus.io/${name}`) found.set(name, value);
  }
  const port = statusPort > 0 ? String(statusPort) : METRICS_PORT;
  const turned = found.get('path') === PATH && found.get('scrape') === 'true';
  if (turned && former.includes(found.get('port') ?? '')) found.clear();
  if (found.get('scrape') === 'false' || found.get('port') === port) return undefined;
  const wanted = Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = found.get(name) ?? '';
      return value === '' ? [] : [[name, value]];
    }),
  );
  return {
    annotations: { ...rest, ...ours(port) },
    env: Object.keys(wanted).length === 0 ? undefined : JSON.stringify(wanted),
  };
}

/**
 * Undoes `mergeScrape` by what the proxy's environment says. Where that says nothing the annotations stay: they turn to the agent
 * already, and nobody can tell any more who wrote them.
 */
export function restoreScrape(annotations: StringMap, env: string | undefined): StringMap {
  const before = env === undefined ? undefined : parseJson(env);
  if (!isObject(before)) return annotations;
  const rest = Object.fromEntries(
    Object.entries(annotations).filter(([key]) => !SCRAPE_ANNOTATIONS.includes(key)),
  );
  for (const name of NAMES) {
    const value = before[name];
    if (typeof value === 'string') rest[`prometheus.io/${name}`] = value;
  }
  return rest;
}

function ours(port: string): StringMap {
  return { 'prometheus.io/port': port, 'prometheus.io/path': PATH, 'prometheus.io/scrape': 'true' };
}

/** As Prometheus turns the name of an annotation into that of a label. */
function sanitize(key: string): string {
  return key.replaceAll(/[^a-zA-Z0-9_]/g, '_');
}
