import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLineReader } from '../../src/metrics/lines.ts';

function read(chunks: readonly string[]): { lines: string[]; rest: string; tooLong: number } {
  const lines: string[] = [];
  let tooLong = 0;
  const reader = createLineReader(
    (buffer, from, to) => lines.push(...buffer.toString('latin1', from, to).split('\n').slice(0, -1)),
    () => (tooLong += 1),
  );
  for (const chunk of chunks) reader.push(Buffer.from(chunk, 'latin1'));
  return { lines, rest: reader.rest().toString('latin1'), tooLong };
}

describe('lines of chunks', () => {
  it('are the lines of the whole, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 9 })), (chunks) => {
        const whole = chunks.join('').split('\n');
        expect(read(chunks)).toEqual({ lines: whole.slice(0, -1), rest: whole.at(-1) ?? '', tooLong: 0 });
      }),
    );
  });

  it('leave out what is longer than any series, once, and go on behind it', () => {
    const piece = 'x'.repeat(100_000);
    expect(read(['a\nb', piece, piece, piece, piece, 'c\nd\ne'])).toEqual({
      lines: ['a', 'd'],
      rest: 'e',
      tooLong: 1,
    });
  });
});
