import { toError } from '../platform/errors.ts';
import type { Json, JsonObject } from './envoy-api.ts';
import { isJsonObject } from './strict-json.ts';

const META = 'ISTIO_META_';
const META_JSON = 'ISTIO_METAJSON_';
/** Envoy's JSON parser gives up at 100 levels; nothing sensible comes near that. */
const MAX_DEPTH = 32;

export interface EnvMetadata {
  /** Name -> value, untyped, in the order they came. Names are case-sensitive. */
  readonly values: ReadonlyMap<string, Json>;
  readonly labels: ReadonlyMap<string, string> | undefined;
  readonly annotations: ReadonlyMap<string, string> | undefined;
  readonly warnings: readonly string[];
}

/**
 * Node metadata from the environment: `ISTIO_META_<name>` is a text, `ISTIO_METAJSON_<anything>` an object whose members go
 * to the top level; those of `_LABELS` and `_ANNOTATIONS` are labels and annotations besides
 * (reference/pilot-agent-1.5.md §4.3, pilot-agent-1.30.md §6.2).
 * @param sources the weakest first; of `ISTIO_META_*` and `ISTIO_METAJSON_*` the latter is the stronger
 */
export function metadataFromEnv(
  ...sources: readonly Readonly<Record<string, string | undefined>>[]
): EnvMetadata {
  const warnings: string[] = [];
  const variables = new Map(
    sources
      .flatMap((source) => Object.entries(source))
      .flatMap(([name, value]): [string, string][] => (value === undefined ? [] : [[name, value]])),
  );
  const values = new Map<string, Json>();
  for (const [name, text] of variables) if (name.startsWith(META)) values.set(name.slice(META.length), text);
  const objects = new Map<string, JsonObject>();
  for (const [name, text] of variables) {
    if (!name.startsWith(META_JSON)) continue;
    const object = parseObject(name, text);
    if (typeof object === 'string') {
      warnings.push(object);
      continue;
    }
    objects.set(name.slice(META_JSON.length), object);
    for (const [member, value] of Object.entries(object)) if (value !== undefined) values.set(member, value);
  }
  return {
    values,
    labels: texts('LABELS', objects.get('LABELS'), warnings),
    annotations: texts('ANNOTATIONS', objects.get('ANNOTATIONS'), warnings),
    warnings,
  };
}

function parseObject(name: string, text: string): JsonObject | string {
  const ignored = 'it is ignored; give a JSON object';
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    return `environment variable ${name} is not JSON (${toError(error).message}): ${ignored}`;
  }
  if (!isJsonObject(parsed)) return `environment variable ${name} is not a JSON object: ${ignored}`;
  if (depth(parsed) > MAX_DEPTH)
    return `environment variable ${name} is nested deeper than ${MAX_DEPTH} levels: ${ignored}`;
  return parsed;
}

function depth(value: Json | undefined): number {
  if (typeof value !== 'object' || value === null) return 0;
  let deepest = 0;
  for (const member of Object.values(value)) deepest = Math.max(deepest, depth(member));
  return deepest + 1;
}

function texts(
  suffix: string,
  object: JsonObject | undefined,
  warnings: string[],
): ReadonlyMap<string, string> | undefined {
  if (object === undefined) return undefined;
  const entries = Object.entries(object);
  const wrong = entries.filter(([, value]) => typeof value !== 'string').map(([name]) => name);
  if (wrong.length > 0)
    warnings.push(
      `environment variable ${META_JSON}${suffix}: the value of ${wrong.join(', ')} is not a text`,
    );
  return new Map(
    entries.flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  );
}
