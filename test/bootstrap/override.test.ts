import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bootstrap, JsonObject } from '../../src/bootstrap/envoy-api.ts';
import { mergeBootstrap } from '../../src/bootstrap/override.ts';

/** The rules are about any message, so small ones will do. */
const merge = (base: JsonObject, override: JsonObject) =>
  mergeBootstrap(base as unknown as Bootstrap, override);

describe('an override', () => {
  it.each([
    ['merges messages', { a: { b: 1, c: 2 } }, { a: { c: 3 } }, { a: { b: 1, c: 3 } }],
    ['appends lists', { a: [1] }, { a: [2, 3] }, { a: [1, 2, 3] }],
    [
      'replaces scalars, by false and 0 too',
      { a: true, b: 1, c: 'x' },
      { a: false, b: 0, c: '' },
      { a: false, b: 0, c: '' },
    ],
    ['adds what is not there', { a: 1 }, { b: { c: [] } }, { a: 1, b: { c: [] } }],
    ['says nothing with null', { a: 1 }, { a: null, b: null }, { a: 1 }],
    [
      'knows a field by either spelling',
      { stats_config: { x: 1 } },
      { statsConfig: { y: 2 } },
      { stats_config: { x: 1, y: 2 } },
    ],
    [
      'replaces a typed message whole',
      { a: { '@type': 't', x: 1 } },
      { a: { '@type': 't', y: 2 } },
      { a: { '@type': 't', y: 2 } },
    ],
    [
      'takes away the other choice',
      { lds_config: { ads: {}, resource_api_version: 'V3' } },
      { lds_config: { path_config_source: {} } },
      { lds_config: { resource_api_version: 'V3', path_config_source: {} } },
    ],
    [
      'takes names in metadata as they are',
      { metadata: { a_b: { x: 1 } } },
      { metadata: { aB: 1, a_b: { y: 2 } } },
      { metadata: { a_b: { y: 2 }, aB: 1 } },
    ],
  ])('%s', (_name, base, override, expected) => {
    expect(merge(base, override)).toEqual(expected);
  });

  // A field has one type, as in protobuf.
  const message = fc.letrec<{ message: JsonObject }>((tie) => ({
    message: fc.record(
      {
        number: fc.integer(),
        flag: fc.boolean(),
        list: fc.array(fc.integer(), { maxLength: 3 }),
        typed: fc.record({ '@type': fc.constantFrom('a', 'b'), text: fc.string() }),
        metadata: fc.dictionary(fc.string(), fc.integer(), { maxKeys: 3 }),
        message: fc.oneof({ maxDepth: 3 }, fc.constant({}), tie('message')),
      },
      { requiredKeys: [] },
    ),
  })).message;

  it('that is empty or absent changes nothing', () => {
    fc.assert(
      fc.property(message, (base) => {
        expect(merge(base, {})).toEqual(base);
        expect(mergeBootstrap(base as unknown as Bootstrap, undefined)).toBe(base);
      }),
    );
  });
  it('over nothing is itself', () => {
    fc.assert(
      fc.property(message, (override) => {
        expect(merge({}, override)).toEqual(override);
      }),
    );
  });
  it('in two parts is the two merged', () => {
    fc.assert(
      fc.property(message, message, message, (base, first, second) => {
        expect(merge(merge(base, first), second)).toEqual(merge(base, merge(first, second)));
      }),
    );
  });
  it('leaves both sides as they were', () => {
    fc.assert(
      fc.property(message, message, (base, override) => {
        const before = JSON.stringify([base, override]);
        merge(base, override);
        expect(JSON.stringify([base, override])).toBe(before);
      }),
    );
  });
});
