import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseChunk } from '../../../src/mesh/read/document.ts';
import { splitDocuments } from '../../../src/mesh/read/split.ts';

it.each([
  ['a: 1\n', [[1, 1]]],
  [
    'a: 1\n---\nb: 2\n',
    [
      [1, 1],
      [2, 2],
    ],
  ],
  [
    '---\na: 1\n---\nb: 2\n',
    [
      [1, 1],
      [2, 3],
    ],
  ],
  ['# a\n\n---\na: 1\n', [[1, 3]]],
  [
    'a: 1\n---\n# nothing\n---\nb: 2\n',
    [
      [1, 1],
      [3, 4],
    ],
  ],
  [
    '--- {a: 1}\n--- # b\nb: 2',
    [
      [1, 1],
      [2, 2],
    ],
  ],
  ['---\n---\n', []],
  ['', []],
  ['a: |\n  ---\n  b\n', [[1, 1]]],
  ['a: ---b\n', [[1, 1]]],
  [
    'a: 1\r\n---\r\nb: 2\r\n',
    [
      [1, 1],
      [2, 2],
    ],
  ],
])('%j: document and line of each', (text, expected) => {
  expect(splitDocuments(text).map(({ document, line }) => [document, line])).toEqual(expected);
});

it.each(['%YAML 1.2\n---\na: 1\n', 'a: 1\n...\n---\nb: 2\n'])('leaves %j whole', (text) => {
  expect(splitDocuments(text)).toEqual([{ text, document: 1, line: 1 }]);
});

it('finds the documents that the library finds', async () => {
  const parts = [
    'a: 1',
    'b:',
    '  c: 2',
    '---',
    '--- # x',
    '',
    '# y',
    '- d',
    '...',
    'e: |',
    '  ---',
    '  text',
  ];
  const texts = fc.array(fc.constantFrom(...parts), { maxLength: 8 }).map((lines) => `${lines.join('\n')}\n`);
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const whole = [...parseAllDocuments(text, { schema: 'core', logLevel: 'silent' })];
      const parsed = await Promise.all(splitDocuments(text).map(parseChunk));
      const broken = whole.some(({ errors }) => errors.length > 0);
      expect(parsed.some(({ problems }) => problems.length > 0)).toBe(broken);
      if (broken) return;
      const values = parsed.flatMap(({ documents }) => documents.map(({ value }) => value));
      const full = (value: unknown) => value !== null && value !== undefined;
      expect(values.filter(full)).toEqual(whole.map((one) => one.toJS() as unknown).filter(full));
    }),
    { numRuns: 1_000 },
  );
});
