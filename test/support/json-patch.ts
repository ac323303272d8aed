import jsonPatch, { type Operation as AnyOperation } from 'fast-json-patch';
import type { Operation } from '../../src/inject/patch.ts';

/**
 * Applies a JSON patch (RFC 6902) to a copy, by a library that knows nothing of ours.
 * @throws Error for each operation that the standard calls an error
 */
export function applyJsonPatch(document: unknown, operations: readonly Operation[]): unknown {
  const copy = structuredClone(operations) as AnyOperation[];
  return jsonPatch.applyPatch(structuredClone(document), copy, true, true).newDocument;
}
