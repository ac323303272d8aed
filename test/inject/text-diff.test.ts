import fc from 'fast-check';
import { expect, it } from 'vitest';
import { unifiedDiff } from '../../src/inject/text-diff.ts';

it('shows what is new with three lines around it', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\n';
  expect(unifiedDiff(before, before.replace('e\n', 'e\nnew\n'), 'x')).toBe(
    '--- x\n+++ x (injected)\n@@ -3,6 +3,7 @@\n c\n d\n e\n+new\n f\n g\n h\n',
  );
});

it('says nothing of what is the same', () => expect(unifiedDiff('a\n', 'a\n', 'x')).toBe(''));

it('has every line of both texts, in their order', () => {
  const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 12 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = unifiedDiff(before, after, 'x').split('\n').slice(2, -1);
      if (lines.length === 0) {
        expect(before).toBe(after);
        return;
      }
      const of = (kinds: string) =>
        lines.filter((line) => kinds.includes(line[0] ?? '')).map((line) => line.slice(1));
      const isPart = (part: readonly string[], whole: string) => `${whole}\n`.includes(`${part.join('\n')}`);
      const single = lines.filter((line) => line.startsWith('@@')).length === 1;
      if (single) {
        expect(isPart(of(' -'), before)).toBe(true);
        expect(isPart(of(' +'), after)).toBe(true);
      }
    }),
  );
});
