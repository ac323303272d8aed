import type { Json, JsonObject } from './envoy-api.ts';

const REDACTED = '[redacted]';

/**
 * The same data with a secret taken out of every text: metadata repeats the mesh configuration and annotations, is readable
 * by everyone on the machine (the bootstrap is 0644, Envoy's config_dump) and goes to the control plane.
 */
export function withoutText(data: JsonObject, secret: string | undefined): JsonObject {
  if (secret === undefined || secret === '') return data;
  const clean = (value: Json): Json => {
    if (typeof value === 'string') return value.replaceAll(secret, REDACTED);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map(clean);
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, member === undefined ? undefined : clean(member)]),
    );
  };
  return clean(data) as JsonObject;
}
