import { shorten } from './findings.ts';

/** The pod's labels and annotations, as the downward API writes them: one `key="value"` a line, the value quoted as Go does. */
export interface PodInfo {
  readonly values: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  '\\': 0x5c,
  '"': 0x22,
};
const PIECE =
  /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|[^"\\\n]+/y;

/** Parses a labels or annotations file. A line that is not understood costs only itself, and a warning. */
export function parsePodInfo(text: string): PodInfo {
  const values = new Map<string, string>();
  const warnings: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '') continue;
    const equals = line.indexOf('=');
    const value = equals > 0 ? unquoteGo(line.slice(equals + 1)) : undefined;
    if (value === undefined) warnings.push(`line ${index + 1} is not key="value", ignored: ${shorten(line)}`);
    else values.set(line.slice(0, equals), value);
  }
  return { values, warnings };
}

/** Reads a Go string literal in double quotes. Returns undefined for anything else. */
export function unquoteGo(literal: string): string | undefined {
  if (literal.length < 2 || !literal.startsWith('"') || !literal.endsWith('"')) return undefined;
  const inner = literal.slice(1, -1);
  // Bytes, because Go writes a character of broken UTF-8 as `\xff`, byte by byte.
  const parts: Buffer[] = [];
  PIECE.lastIndex = 0;
  for (let at = 0; at < inner.length; at = PIECE.lastIndex) {
    const match = PIECE.exec(inner);
    if (match === null) return undefined;
    const part = decodePiece(match);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function decodePiece([whole, simple, hex, octal, short, long]: RegExpExecArray): Buffer | undefined {
  if (simple !== undefined) return Buffer.of(SIMPLE_ESCAPES[simple] ?? 0);
  if (hex !== undefined) return Buffer.of(Number.parseInt(hex, 16));
  if (octal !== undefined) {
    const byte = Number.parseInt(octal, 8);
    return byte > 255 ? undefined : Buffer.of(byte);
  }
  const point = short ?? long;
  if (point === undefined) return Buffer.from(whole, 'utf8');
  const code = Number.parseInt(point, 16);
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  return code > 0x10ffff || surrogate ? undefined : Buffer.from(String.fromCodePoint(code), 'utf8');
}
