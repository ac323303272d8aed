/** The ProxyConfig sources: mesh config file, `PROXY_CONFIG`, pod annotation (pilot-agent-1.30.md §3). */
import { toError } from '../platform/errors.ts';
import { isObject, parseObject } from './json.ts';
import { describeOrigin, mergeOrigins, type Origin } from './origin.ts';

/** One source, with the fields it sets. */
export interface Layer {
  readonly origin: Origin;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Fields of ProxyConfig that mean something to the injector, to the control plane or to older agents, not to this one. */
const FIELDS_OF_OTHERS = [
  'discoveryRefreshDelay',
  'availabilityZone',
  'statNameLength',
  'sds',
  'gatewayTopology',
  'readinessProbe',
  'holdApplicationUntilProxyStarts',
  'caCertificatesPem',
  'image',
  'privateKeyProvider',
  'proxyHeaders',
  'statsCompression',
];

/**
 * Parses one source.
 * @param pick takes the ProxyConfig out of the document (the mesh config has it in `defaultConfig`)
 */
export async function parseLayer(
  origin: Origin,
  text: string | undefined,
  problems: string[],
  pick: (document: Readonly<Record<string, unknown>>) => unknown = (document) => document,
): Promise<Layer> {
  if (text === undefined) return { origin, fields: {} };
  try {
    const fields = pick(await parseObject(text)) ?? {};
    if (typeof fields !== 'object' || Array.isArray(fields))
      throw new Error('defaultConfig must be an object');
    return { origin, fields: fields as Layer['fields'] };
  } catch (error) {
    problems.push(
      `${describeOrigin(origin)}: not a ProxyConfig in YAML or JSON: ${toError(error).message.split('\n')[0]}; correct it or remove it`,
    );
    return { origin, fields: {} };
  }
}

/** Joins the layers, weakest first: later fields replace, `proxyMetadata` is a union. An explicit null sets nothing. */
export function mergeLayers(
  layers: readonly Layer[],
): ReadonlyMap<string, { value: unknown; origin: Origin }> {
  const merged = new Map<string, { value: unknown; origin: Origin }>();
  for (const { origin, fields } of layers) {
    for (const [name, value] of Object.entries(fields)) {
      if (value === null || value === undefined) continue;
      const before = merged.get(name);
      if (name === 'proxyMetadata' && isObject(value) && isObject(before?.value)) {
        merged.set(name, {
          value: { ...before.value, ...value },
          origin: mergeOrigins([before.origin, origin]),
        });
      } else merged.set(name, { value, origin });
    }
  }
  return merged;
}

/** Warnings for fields that neither we nor the original know: most often a slip of the pen. */
export function unknownFields(layers: readonly Layer[], known: ReadonlySet<string>): readonly string[] {
  return layers.flatMap(({ origin, fields }) =>
    Object.keys(fields)
      .filter((name) => !known.has(name) && !FIELDS_OF_OTHERS.includes(name))
      .map((name) => `${describeOrigin(origin)}: unknown field "${name}", ignored`),
  );
}

/** A field's value as somebody would type it in a flag; undefined for null. */
export function toText(value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
