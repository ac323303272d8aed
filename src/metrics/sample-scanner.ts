/**
 * The hot path of the merge: is this line a sample that may go to the client byte for byte, in either format? Envoy's
 * lines, and nearly all of an application's, are. The scanner reads each byte once and makes no string; whatever it does
 * not know (a timestamp, an exemplar, odd spaces, a repeated label) it leaves to `sample.ts`, which knows everything.
 */
import { isUtf8 } from 'node:buffer';

export interface SampleScanner {
  /**
   * Reads the line that begins at `from`; a newline must follow somewhere in the buffer.
   * @returns the index of its newline, or -1 when the line needs a closer look
   */
  scan(buffer: Buffer, from: number): number;
  /** After a successful scan: where the name of the sample ends. */
  nameEnd: number;
}

const NAME_START = 1;
const NAME = 2;
const LABEL_START = 4;
const LABEL = 8;
const DIGIT = 16;
const CLASS = classTable();

const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const DOT = 46;
const EQUALS = 61;
const BACKSLASH = 92;
const LOWER_E = 101;
const LOWER_N = 110;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** More labels than this are read by `sample.ts`. */
const MAX_LABELS = 64;
/** More digits than this may be more than a float holds. */
const MAX_DIGITS = 300;
const NAME_LABEL = hash(Buffer.from('__name__'));

export function createSampleScanner(): SampleScanner {
  // Hashes of the label names of one line: equal ones are a repeated label, or a coincidence that sample.ts settles.
  const names = new Int32Array(MAX_LABELS);
  const scanner: SampleScanner = { nameEnd: 0, scan };

  // Every loop ends at the newline at the latest, so no index is out of range.
  function scan(buffer: Buffer, from: number): number {
    let i = from;
    let byte = buffer[i] as number;
    if (((CLASS[byte] as number) & NAME_START) === 0) return -1;
    do byte = buffer[++i] as number;
    while (((CLASS[byte] as number) & NAME) !== 0);
    scanner.nameEnd = i;
    let every = 0;
    if (byte === OPEN_BRACE) {
      let labels = 0;
      byte = buffer[++i] as number;
      while (byte !== CLOSE_BRACE || labels > 0) {
        if (((CLASS[byte] as number) & LABEL_START) === 0) return -1;
        let name = 0;
        do {
          name = (Math.imul(name, 31) + byte) | 0;
          byte = buffer[++i] as number;
        } while (((CLASS[byte] as number) & LABEL) !== 0);
        if (byte !== EQUALS || buffer[++i] !== QUOTE) return -1;
        if (labels === MAX_LABELS || name === NAME_LABEL) return -1;
        for (let k = 0; k < labels; k++) if (names[k] === name) return -1;
        names[labels++] = name;
        for (;;) {
          byte = buffer[++i] as number;
          if (byte === QUOTE) break;
          if (byte === BACKSLASH) {
            byte = buffer[++i] as number;
            if (byte !== BACKSLASH && byte !== QUOTE && byte !== LOWER_N) return -1;
          } else if (byte < SPACE) return -1;
          every |= byte;
        }
        byte = buffer[++i] as number;
        if (byte === CLOSE_BRACE) break;
        if (byte !== COMMA) return -1;
        byte = buffer[++i] as number;
      }
      byte = buffer[++i] as number;
    }
    if (byte !== SPACE) return -1;
    const end = scanNumber(buffer, i + 1);
    if (end > 0 && every > 127 && !isUtf8(buffer.subarray(from, end))) return -1;
    return end;
  }
  return scanner;
}

/** Whether a name of a metric may begin with this byte. */
export const isNameStart = (byte: number): boolean => ((CLASS[byte] as number) & NAME_START) !== 0;

/** Where the name of a metric that begins at `from` ends; `from` when there is none. Some other byte must follow. */
export function endOfName(buffer: Buffer, from: number): number {
  if (!isNameStart(buffer[from] as number)) return from;
  let at = from + 1;
  while (((CLASS[buffer[at] as number] as number) & NAME) !== 0) at += 1;
  return at;
}

/** Reads a number that ends the line. Returns the index of the newline, or -1. */
function scanNumber(buffer: Buffer, from: number): number {
  let i = from;
  let byte = buffer[i] as number;
  if (byte === MINUS || byte === PLUS) byte = buffer[++i] as number;
  const first = i;
  while (((CLASS[byte] as number) & DIGIT) !== 0) byte = buffer[++i] as number;
  let digits = i - first;
  if (byte === DOT) {
    const point = i;
    do byte = buffer[++i] as number;
    while (((CLASS[byte] as number) & DIGIT) !== 0);
    digits += i - point - 1;
  }
  if (digits === 0 || digits > MAX_DIGITS) return -1;
  if (byte === LOWER_E) {
    byte = buffer[++i] as number;
    if (byte === MINUS || byte === PLUS) byte = buffer[++i] as number;
    const exponent = i;
    while (((CLASS[byte] as number) & DIGIT) !== 0) byte = buffer[++i] as number;
    // Three digits may be too large for a float: sample.ts reckons it out.
    if (i === exponent || i - exponent > 2 || digits > 100) return -1;
  }
  return byte === NEWLINE ? i : -1;
}

function hash(bytes: Buffer): number {
  let value = 0;
  for (const byte of bytes) value = (Math.imul(value, 31) + byte) | 0;
  return value;
}

function classTable(): Uint8Array {
  const table = new Uint8Array(256);
  const put = (characters: string, bits: number) => {
    for (const character of characters) {
      const code = character.charCodeAt(0);
      table[code] = (table[code] ?? 0) | bits;
    }
  };
  put('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_', NAME_START | NAME | LABEL_START | LABEL);
  put('0123456789', NAME | LABEL | DIGIT);
  put(':', NAME_START | NAME);
  return table;
}
