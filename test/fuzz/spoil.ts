import type { Random } from '../storm/random.ts';

/** A few bytes changed, left out, doubled or put in, where it hurts: at random, with a liking for what grammars are made of. */
export function spoil(random: Random, bytes: Buffer): Buffer {
  let spoiled = bytes;
  for (let i = random.between(0, 4); i > 0; i -= 1) {
    const at = random.between(0, spoiled.length);
    const length = random.between(0, random.pick([[4, 3] as const, [1, 300] as const]));
    const [before, piece, behind] = [
      spoiled.subarray(0, at),
      spoiled.subarray(at, at + length),
      spoiled.subarray(at + length),
    ];
    const put = random.pick<() => Buffer>([
      [3, () => Buffer.from(random.pick(AWKWARD))],
      [2, () => randomBytes(random, random.between(0, 20))],
      [2, () => Buffer.alloc(0)],
      [2, () => Buffer.concat([piece, piece])],
    ])();
    spoiled = Buffer.concat([before, put, behind]);
  }
  return spoiled;
}

export const randomBytes = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random.between(0, 255)));

/** The same bytes in pieces. */
export function cut(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const longest = random.pick([[1, 1] as const, [2, 20] as const, [2, bytes.length] as const]);
  for (let at = 0; at < bytes.length; ) {
    const length = random.between(1, Math.max(1, longest));
    pieces.push(Buffer.from(bytes.subarray(at, at + length)));
    at += length;
  }
  return pieces;
}

const AWKWARD: readonly (readonly [number, string])[] = [
  '\n',
  '\r\n',
  '\r',
  '\0',
  ' ',
  '\t',
  '{',
  '}',
  '"',
  '\\',
  ',',
  '=',
  '#',
  '# EOF\n',
  '# TYPE a gauge\n',
  '# TYPE ',
  '# HELP a \\',
  'NaN',
  '+Inf',
  '1e999',
  '-',
  '.',
  ':',
  ';',
  'é',
  '\u{1f4a9}',
  '0\r\n\r\n',
  'ffffffffff\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 5\r\n',
  'HTTP/1.1 200 OK\r\n\r\n',
  '<html>',
].map((text) => [1, text] as const);
