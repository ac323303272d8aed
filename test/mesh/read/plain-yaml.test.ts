import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { readPlainYaml } from '../../../src/mesh/read/plain-yaml.ts';

/** What the library makes of a text, and whether it finds fault with it. */
function byLibrary(text: string): { readonly value: unknown; readonly sound: boolean } {
  const documents = parseAllDocuments(text, {
    schema: 'core',
    resolveKnownTags: false,
    merge: true,
    logLevel: 'silent',
    prettyErrors: false,
  });
  const [first, ...more] = [...documents];
  if (first === undefined) return { value: null, sound: true };
  const sound = more.length === 0 && first.errors.length === 0;
  return { value: sound ? (first.toJS() as unknown) : undefined, sound };
}

/** Where the fast reader says something, the library says the same. */
function agree(text: string): void {
  const plain = readPlainYaml(text);
  if (plain === undefined) return;
  const library = byLibrary(text);
  expect(library.sound, text).toBe(true);
  expect(plain.value, text).toEqual(library.value);
}

/** Pieces of which YAML, and what is nearly YAML, is made. */
const PIECES = [
  ...['a', 'b-c', 'x.io/y', 'name', 'null', 'yes', '1', '010', '1.5', '1e3', '0x1f', '10.0.0.1', '5s', 'é'],
  ...[
    ': ',
    ':',
    '- ',
    '-',
    ' ',
    '  ',
    '    ',
    '\n',
    '\n',
    '\n  ',
    '\n    ',
    '\n- ',
    '\n  - ',
    '\n---\n',
    '---',
  ],
  ...['"', "'", '"q"', "'q'", '#', ' # c', '|', '|-', '>', '&a', '*a', '!t', '[]', '{}', '[', '}', ',', '?'],
  ...['~', 'true', 'a: b', '\n  c: d', '- e: f', '\n\n', '\\', '%', '@', '`', '<<', '=', '...', '\t', '\r\n'],
];
const LINES = [
  ...[
    'a: b',
    'a:',
    '  a: b',
    '  b:',
    '    c: 1',
    '- a',
    '- a: b',
    '  - a',
    '  - c: d',
    '    e: f',
    '-',
    '  -',
  ],
  ...[
    'b: |',
    'b: |-',
    '  text',
    '    more text',
    '',
    '   ',
    '# note',
    '  # note',
    'c: "x # y"',
    "d: 'z'",
    'e: []',
  ],
  ...[
    'f: 12',
    'g: true',
    'h: null',
    'i: ~',
    'j: a # b',
    'k: a#b',
    'l: x: y',
    'm: -1',
    '- --flag=x',
    'o: -x',
    '  - -y',
    'n: 1.2.3',
    'a: again',
  ],
];

describe('the fast reader says what the library says', () => {
  it('of whatever the library writes', () => {
    const key = fc.oneof(
      fc.constantFrom('name', 'app.kubernetes.io/name', 'x_y', 'true', '8080'),
      fc.string(),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom(...PIECES)),
        fc.oneof(fc.integer(), fc.double({ noNaN: true }), fc.boolean(), fc.constant(null)),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(key, tie('value'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(value, fc.boolean(), (data, indentSeq) => agree(stringify(data, { indentSeq }))),
      { numRuns: 1_000 },
    );
  });

  it('of lines in whatever order', () => {
    const text = fc.array(fc.constantFrom(...LINES), { maxLength: 8 }).map((lines) => lines.join('\n'));
    fc.assert(
      fc.property(text, fc.boolean(), (lines, end) => agree(end ? `${lines}\n` : lines)),
      {
        numRuns: 10_000,
      },
    );
  });

  it('of pieces in whatever order', () => {
    const text = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(''));
    fc.assert(fc.property(text, agree), { numRuns: 10_000 });
  });
});

const MANIFEST = `---
# what kubectl prints
apiVersion: v1
kind: Service # of ratings
metadata:
  annotations:
    prometheus.io/scrape: "true"
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"v1","kind":"Service"}
  creationTimestamp: "2026-11-21T10:00:00Z"
  labels:
    app: ratings
    version: '1.0'
spec:
  clusterIP: 10.96.0.7
  ports:
  - name: http
    port: 9080
    targetPort: 9080
  -
    name: metrics
    port: 15020
  selector: {}
status:
  loadBalancer: {}
  conditions: []
  timeout: 100ms
`;

it('reads what manifests are made of', () => {
  expect(readPlainYaml(MANIFEST)?.value).toEqual(byLibrary(MANIFEST).value);
});

it('knows the line of each entry', () => {
  const plain = readPlainYaml(MANIFEST);
  const top = plain?.value as { spec: { ports: readonly object[] } };
  const { ports } = top.spec;
  expect(plain?.lines.get(top)).toEqual([2, 3, 4, 13, 23]);
  expect(plain?.lines.get(ports)).toEqual([16, 19]);
  expect(plain?.lines.get(ports[1] ?? {})).toEqual([20, 21]);
});

it.each([
  ['a tab', 'a:\tb\n'],
  ['a flow collection', 'hosts: ["./*"]\n'],
  ['an anchor', 'a: &x b\n'],
  ['a scalar over two lines', 'a: b\n  c\n'],
  ['a key that is there twice', 'a: 1\na: 2\n'],
  ['a prototype', '__proto__:\n  a: 1\n'],
  ['an indentation that fits nothing', 'a:\n    b: 1\n  c: 2\n'],
  ['a text in a text', 'a: b: c\n'],
  ['Windows line ends', 'a: b\r\n'],
  [
    'what is deeper than anything that is meant',
    Array.from({ length: 1_500 }, (_, i) => `${'  '.repeat(i)}- a:`).join('\n'),
  ],
])('leaves %s to the library', (_, text) => expect(readPlainYaml(text)).toBeUndefined());
