/** Plain data as lines of block YAML, for parts of a document that are new. Whatever any parser could take for something else is quoted. */
import { isObject } from './json.ts';

export interface LineStyle {
  /** Blanks before each line. */
  readonly indent: number;
  /** Items of lists are further right than their key. */
  readonly indentSeq: boolean;
}

const STEP = 2;

/** `key: value`, over as many lines as it takes. */
export function memberLines(key: string, value: unknown, style: LineStyle): readonly string[] {
  const { indent, indentSeq } = style;
  const head = `${' '.repeat(indent)}${scalarText(key)}:`;
  if (Array.isArray(value) && value.length > 0) {
    const inner = { indent: indentSeq ? indent + STEP : indent, indentSeq };
    return [head, ...value.flatMap((item) => itemLines(item, inner))];
  }
  if (isObject(value) && Object.keys(value).length > 0) {
    return [head, ...objectLines(value, { indent: indent + STEP, indentSeq })];
  }
  return withScalar(head, value, indent);
}

/** `- item` of a list. */
export function itemLines(item: unknown, style: LineStyle): readonly string[] {
  const { indent, indentSeq } = style;
  const dash = `${' '.repeat(indent)}-`;
  const inner = { indent: indent + STEP, indentSeq };
  const lines =
    isObject(item) && Object.keys(item).length > 0
      ? objectLines(item, inner)
      : Array.isArray(item) && item.length > 0
        ? item.flatMap((each) => itemLines(each, inner))
        : undefined;
  if (lines === undefined) return withScalar(dash, item, indent);
  const [first = '', ...rest] = lines;
  return [`${dash} ${first.slice(indent + STEP)}`, ...rest];
}

function objectLines(object: Readonly<Record<string, unknown>>, style: LineStyle): readonly string[] {
  return Object.entries(object).flatMap(([key, value]) =>
    value === undefined ? [] : memberLines(key, value, style),
  );
}

function withScalar(head: string, value: unknown, indent: number): readonly string[] {
  if (Array.isArray(value)) return [`${head} []`];
  if (isObject(value)) return [`${head} {}`];
  if (typeof value !== 'string') return [`${head} ${JSON.stringify(value)}`];
  return isBlockText(value) ? blockLines(head, value, indent + STEP) : [`${head} ${scalarText(value)}`];
}

/** More than one line, and nothing in it that a block would change. */
function isBlockText(text: string): boolean {
  return /^[\x20-\x7e]+(\n[\x20-\x7e]*)*$/.test(text) && text.includes('\n') && !/^ |\n\n$|[ ]$/m.test(text);
}

function blockLines(head: string, text: string, indent: number): readonly string[] {
  const [keep, lines] = text.endsWith('\n') ? ['|', text.slice(0, -1)] : ['|-', text];
  return [
    `${head} ${keep}`,
    ...lines.split('\n').map((line) => (line === '' ? '' : `${' '.repeat(indent)}${line}`)),
  ];
}

/** Begins like a word, a path or an option; no blank at the end, no `: `, no ` #`. */
const PLAIN = /^(?:[A-Za-z_/$(]|--?[A-Za-z])(?:[\w./$()@%+=;~,-]|:(?=[^\s])|\x20(?=[\w/$(.]))*$/;
/** Quantities and durations, which are no numbers. */
const MEASURE = /^(?:\d+(?:m|[KMGT]i?)|(?:\d+[hms])+)$/;
const RESERVED = /^(?:y|n|yes|no|on|off|true|false|null|~)$/i;

function scalarText(text: string): string {
  const plain = (PLAIN.test(text) && !RESERVED.test(text)) || MEASURE.test(text);
  if (plain) return text;
  // Single quotes where double ones would be full of backslashes.
  const quotable = text.includes('"') && /^[\x20-\x7e]+$/.test(text);
  return quotable ? `'${text.replaceAll("'", "''")}'` : JSON.stringify(text);
}
