import { type Format, type MetricType, parseMetricType } from './format.ts';
import { endOfName } from './sample-scanner.ts';

/** What a line that begins with `#` says. Anything that is neither metadata nor the end is a comment. */
export type Metadata =
  | { readonly kind: 'type'; readonly name: string; readonly type: MetricType }
  | { readonly kind: 'help'; readonly name: string; readonly help: string }
  | { readonly kind: 'unit'; readonly name: string; readonly unit: string }
  | { readonly kind: 'eof' }
  | { readonly kind: 'comment' }
  | { readonly kind: 'invalid' };

const LINE = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*)(?:[ \t](.*))?$/;

/** Reads a line that begins with `#`, without its newline. */
export function parseMetadata(line: string, format: Format): Metadata {
  if (line.trim() === '# EOF') return { kind: 'eof' };
  const [whole, keyword, name = '', text = ''] = LINE.exec(line.trimEnd()) ?? [];
  if (whole === undefined)
    return /^#[ \t]+(HELP|TYPE|UNIT)[ \t]/.test(line) ? { kind: 'invalid' } : { kind: 'comment' };
  if (keyword === 'HELP') return { kind: 'help', name, help: unescapeHelp(text, format) };
  if (keyword === 'UNIT') return { kind: 'unit', name, unit: text.trim() };
  const type = parseMetricType(text.trim(), format);
  return type === undefined ? { kind: 'invalid' } : { kind: 'type', name, type };
}

const TYPE = Buffer.from('# TYPE ');

/**
 * Reads the line that nearly all metadata is, in its usual form, without a regular expression.
 * @returns undefined for any other line; a newline must be at `newline`
 */
export function readTypeLine(
  buffer: Buffer,
  from: number,
  newline: number,
  format: Format,
): { readonly name: string; readonly type: MetricType } | undefined {
  for (let i = 0; i < TYPE.length; i += 1) if (buffer[from + i] !== TYPE[i]) return undefined;
  const begin = from + TYPE.length;
  const end = endOfName(buffer, begin);
  if (end === begin || buffer[end] !== 32) return undefined;
  const type = parseMetricType(buffer.toString('latin1', end + 1, newline), format);
  return type === undefined ? undefined : { name: buffer.toString('latin1', begin, end), type };
}

/** In text only the backslash and the newline are escaped, in OpenMetrics the quote is too. */
const unescapeHelp = (text: string, format: Format) =>
  text.replace(format === 'text' ? /\\([\\n])/g : /\\([\\n"])/g, (_pair, escaped) =>
    escaped === 'n' ? '\n' : escaped,
  );
