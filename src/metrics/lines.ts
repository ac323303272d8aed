/**
 * Chunks of bytes, cut anywhere, become whole lines, without a copy except of the lines that a cut went through. No chunk
 * is kept.
 */

export interface LineReader {
  push(chunk: Buffer): void;
  /** The bytes behind the last newline; nothing may be pushed afterwards. */
  rest(): Buffer;
}

/**
 * Called with a buffer of whole lines: every line in `[from, to)` ends with its newline, which is in the buffer.
 * It is good for as long as the chunk is.
 */
export type OnLines = (buffer: Buffer, from: number, to: number) => void;

/** No series of any sense is longer. A line that is goes to `onTooLong` once, and is skipped to its end. */
const MAX_LINE_BYTES = 256 * 1024;
const NEWLINE = 10;

export function createLineReader(onLines: OnLines, onTooLong: () => void): LineReader {
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  let skipping = false;

  function carry(piece: Buffer): void {
    if (piece.length === 0 || skipping) return;
    carried.push(Buffer.from(piece));
    carriedBytes += piece.length;
    if (carriedBytes <= MAX_LINE_BYTES) return;
    skipping = true;
    carried = [];
    carriedBytes = 0;
    onTooLong();
  }

  return {
    push(chunk) {
      const last = chunk.lastIndexOf(NEWLINE);
      if (last === -1) return carry(chunk);
      let from = 0;
      if (skipping || carriedBytes > 0) {
        from = chunk.indexOf(NEWLINE) + 1;
        carry(chunk.subarray(0, from));
        const line = Buffer.concat(carried);
        if (!skipping) onLines(line, 0, line.length);
        carried = [];
        carriedBytes = 0;
        skipping = false;
      }
      if (from <= last) onLines(chunk, from, last + 1);
      carry(chunk.subarray(last + 1));
    },
    rest: () => Buffer.concat(carried),
  };
}
