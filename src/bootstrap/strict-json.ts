import type { Json, JsonObject } from './envoy-api.ts';

/**
 * A copy that is what a JSON parser makes of it, protobuf's strict one included: no undefined members, no numbers beyond
 * JSON, and half of a surrogate pair (which metadata from outside can hold) replaced by U+FFFD in names and texts.
 */
export function strictJson<T extends Json>(value: T): T {
  return clean(value) as T;
}

function clean(value: Json): Json {
  if (typeof value === 'string') return wellFormed(value);
  // What JSON.stringify would make of numbers that JSON cannot hold: -0, infinities, NaN.
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : null;
  if (Array.isArray(value)) return value.map(clean);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      member === undefined ? [] : [[wellFormed(name), clean(member)]],
    ),
  );
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
