/** Lines for a terminal: pieces of text with a style, cut and painted at the end, when widths are settled. */

export type Style = 'plain' | 'bold' | 'quiet' | 'green' | 'yellow' | 'blue' | 'red';

export interface Piece {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Piece[];

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** ECMA-48 SGR. */
const CODES: Readonly<Record<Style, string>> = {
  plain: '',
  bold: '1',
  quiet: '2',
  green: '32',
  yellow: '33',
  blue: '34',
  red: '31',
};
const GAP = '  ';

/** A text from elsewhere must not steer the terminal. */
export function piece(text: string, style: Style = 'plain'): Piece {
  return { text: text.replace(/[\p{Cc}\p{Cf}]+/gu, ' '), style };
}

/** Rows under their titles, each column as wide as its widest cell. */
export function tableLines(columns: readonly Column[], rows: readonly Line[]): readonly Line[] {
  const titles = columns.map(({ title }) => piece(title, 'quiet'));
  const widths = columns.map((_, i) =>
    Math.max(...[titles, ...rows].map((row) => lengthOf(row[i]?.text ?? ''))),
  );
  return [titles, ...rows].map((row) =>
    row.flatMap(({ text, style }, i) => {
      const fill = ' '.repeat(Math.max(0, (widths[i] ?? 0) - lengthOf(text)));
      const gap = i === 0 ? '' : GAP;
      return columns[i]?.align === 'right'
        ? [piece(gap + fill), { text, style }]
        : [piece(gap), { text, style }, piece(fill)];
    }),
  );
}

/** Breaks a text between words into parts of a width; a longer word is broken too. */
export function wrap(text: string, width: number): readonly string[] {
  const room = Math.max(10, width);
  const parts: string[] = [];
  let part = '';
  for (const word of text.split(/\s+/).filter((each) => each !== '')) {
    let rest = [...word];
    if (part !== '' && lengthOf(part) + 1 + rest.length <= room) {
      part += ` ${word}`;
      continue;
    }
    if (part !== '') parts.push(part);
    for (; rest.length > room; rest = rest.slice(room)) parts.push(rest.slice(0, room).join(''));
    part = rest.join('');
  }
  return part === '' ? parts : [...parts, part];
}

/** Ends a line at the width of the terminal, and paints it. */
export function print(line: Line, width: number, colour: boolean): string {
  let room = width;
  const shown = line.flatMap(({ text, style }) => {
    const part = [...text].slice(0, Math.max(0, room)).join('');
    room -= lengthOf(part);
    return part === '' ? [] : [{ text: part, style }];
  });
  const last = shown.at(-1);
  const trimmed = last === undefined ? [] : [...shown.slice(0, -1), { ...last, text: last.text.trimEnd() }];
  return trimmed
    .map((each) => (colour ? paint(each) : each.text))
    .join('')
    .trimEnd();
}

function paint({ text, style }: Piece): string {
  return CODES[style] === '' || text === '' ? text : `\x1b[${CODES[style]}m${text}\x1b[0m`;
}

/** In characters, of which each counts for one column. */
export function lengthOf(text: string): number {
  return [...text].length;
}

export function widthOf(line: Line): number {
  return line.reduce((sum, { text }) => sum + lengthOf(text), 0);
}
