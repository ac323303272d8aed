const NEWLINE = 10;
/** A newline in each of four bytes. */
const NEWLINES = 0x0a0a0a0a;

/** Counts the newlines in `[from, to)`, four bytes at a time: a line has a hundred, and nothing else is asked of them. */
export function countNewlines(buffer: Buffer, from: number, to: number): number {
  let count = 0;
  let at = from;
  for (; at < to && ((buffer.byteOffset + at) & 3) !== 0; at++) if (buffer[at] === NEWLINE) count++;
  if (at >= to) return count;
  const words = new Int32Array(buffer.buffer, buffer.byteOffset + at, (to - at) >> 2);
  for (let i = 0; i < words.length; i++) {
    const word = (words[i] as number) ^ NEWLINES;
    // Not 0 when one of the bytes of `word` is 0 (Warren, Hacker's Delight, 6-1).
    if (((word - 0x01010101) & ~word & 0x80808080) === 0) continue;
    if ((word & 0xff) === 0) count++;
    if ((word & 0xff00) === 0) count++;
    if ((word & 0xff0000) === 0) count++;
    if ((word & 0xff000000) === 0) count++;
  }
  for (at += words.length * 4; at < to; at++) if (buffer[at] === NEWLINE) count++;
  return count;
}
