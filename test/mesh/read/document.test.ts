import { describe, expect, it } from 'vitest';
import { type Document, type Path, parseChunk } from '../../../src/mesh/read/document.ts';
import { readPlainYaml } from '../../../src/mesh/read/plain-yaml.ts';
import { splitDocuments } from '../../../src/mesh/read/split.ts';

const PLAIN = `# three lines before
# the document
---
kind: Sidecar
spec:
  egress:
  - hosts:
    - a/b
    - c/d
`;
/** The same, as only the library reads it. */
const FLOWING = PLAIN.replace('    - c/d\n', '    - "c/d\\x21"\n');

async function second(text: string): Promise<Document> {
  const [chunk] = splitDocuments(text);
  const { documents } = await parseChunk(chunk ?? { text, document: 1, line: 1 });
  const [document] = documents;
  if (document === undefined) throw new Error('nothing in it');
  return document;
}

describe.each([
  ['the fast reader', PLAIN, true],
  ['the library', FLOWING, false],
])('with %s', (_, text, plain) => {
  it.each<[Path, number]>([
    [[], 4],
    [['kind'], 4],
    [['spec'], 5],
    [['spec', 'egress'], 6],
    [['spec', 'egress', 0], 7],
    [['spec', 'egress', 0, 'hosts'], 7],
    [['spec', 'egress', 0, 'hosts', 1], 9],
    [['spec', 'egress', 0, 'port', 'number'], 7],
    [['metadata'], 4],
  ])('%j is in line %i', async (path, line) => {
    expect(readPlainYaml(text.slice(text.indexOf('---'))) !== undefined).toBe(plain);
    expect((await second(text)).lineOf(path)).toBe(line);
  });
});

it('follows an alias to where it is written', async () => {
  const document = await second('a: &x\n  b: 1\nc: *x\n');
  expect(document.value).toEqual({ a: { b: 1 }, c: { b: 1 } });
  expect(document.lineOf(['c', 'b'])).toBe(2);
});
