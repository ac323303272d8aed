import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeOrigin } from '../../src/config/origin.ts';
import { annotationsFile, type Given, load, problemsOf } from './load.ts';

/** A case is a file: what is given, and what comes out. A list stands for an exact list, an object for a subset. */
interface Case extends Given {
  readonly doc: string;
  /** Shorthand for the pod's annotations file. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly expected?: Readonly<Record<string, unknown>>;
  readonly from?: Readonly<Record<string, string>>;
  readonly warnings?: readonly string[];
  readonly errors?: readonly string[];
}

const FOLDER = fileURLToPath(new URL('./cases/', import.meta.url));
const CASES = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name, ...(JSON.parse(readFileSync(FOLDER + name, 'utf8')) as Case) }));

describe.each(CASES)('$name: $doc', (given) => {
  const { annotations, expected = {}, from = {}, warnings = [], errors } = given;
  const files = { ...given.files, ...(annotations === undefined ? {} : annotationsFile(annotations)) };

  it('is as expected', async () => {
    if (errors !== undefined) {
      expect(await problemsOf({ ...given, files })).toEqual(errors);
      return;
    }
    const loaded = await load({ ...given, files });
    expect(loaded.config).toMatchObject(unset(expected));
    expect(loaded.warnings).toEqual(warnings);
    const origins = Object.keys(from).map((key) => [
      key,
      describeOrigin(loaded.origins.get(key) ?? { kind: 'default' }),
    ]);
    expect(Object.fromEntries(origins)).toEqual(from);
  });
});

/** JSON has no undefined. */
function unset(expected: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(expected).map(([key, value]) => [key, value ?? undefined]));
}
