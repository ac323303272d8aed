/** Puts what is new between the lines of a YAML document, every byte of which stays. */
import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Operation } from './patch.ts';
import { itemLines, memberLines } from './yaml-text.ts';

interface Insertion {
  readonly at: number;
  /** How far inside it belongs: what is deeper comes first, where two begin in the same place. */
  readonly depth: number;
  readonly lines: readonly string[];
}

/**
 * @param path of each operation, split and unescaped
 * @returns undefined when this cannot be done by new lines alone: something is replaced, in brackets, or not where lines begin
 */
export function spliceLines(
  document: Document.Parsed<ParsedNode>,
  text: string,
  operations: readonly { readonly operation: Operation; readonly path: readonly string[] }[],
  indentSeq: boolean,
): string | undefined {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const source = text.endsWith('\n') ? text : `${text}${newline}`;
  const added = new Map<Node, number>();
  const insertions: Insertion[] = [];
  for (const { operation, path } of operations) {
    if (operation.op !== 'add') return undefined;
    const parent = nodeAt(document, path.slice(0, -1));
    const last = path.at(-1) ?? '';
    if (parent === undefined || parent.flow === true || parent.items.length === 0) return undefined;
    const indent = columnOf(parent, source);
    const end = endOf(parent);
    if (indent === undefined || end === undefined) return undefined;
    const before = added.get(parent) ?? 0;
    if (isSeq(parent) && Number(last) !== parent.items.length + before) return undefined;
    added.set(parent, before + 1);
    const style = { indent, indentSeq };
    insertions.push({
      at: lineAfter(source, end),
      depth: path.length,
      lines: isSeq(parent) ? itemLines(operation.value, style) : memberLines(last, operation.value, style),
    });
  }
  // The sort is stable: what is added to one node stays in its order.
  insertions.sort((one, other) => one.at - other.at || other.depth - one.depth);
  let result = '';
  let from = 0;
  for (const { at, lines } of insertions) {
    result += source.slice(from, at);
    for (const line of lines) result += `${line}${newline}`;
    from = at;
  }
  return result + source.slice(from);
}

function nodeAt(
  document: Document.Parsed<ParsedNode>,
  path: readonly string[],
): YAMLMap | YAMLSeq | undefined {
  let node: unknown = document.contents;
  for (const name of path) {
    if (isSeq(node)) node = node.items[Number(name)];
    else if (isMap(node) && node.flow !== true) node = node.get(name, true);
    else return undefined;
  }
  return isMap(node) || isSeq(node) ? node : undefined;
}

/** The column of the node's keys or dashes; undefined when something else is before them in their line. */
function columnOf(node: YAMLMap | YAMLSeq, text: string): number | undefined {
  const first = isMap(node) ? node.items[0]?.key : node;
  const start = (first as Node | null | undefined)?.range?.[0];
  if (start === undefined || (isSeq(node) && text[start] !== '-')) return undefined;
  const line = text.lastIndexOf('\n', start - 1) + 1;
  return /^[ -]*$/.test(text.slice(line, start)) ? start - line : undefined;
}

/** Where the last thing in a node ends. */
function endOf(node: unknown): number | undefined {
  if (isMap(node) && node.flow !== true) {
    const last = node.items.at(-1);
    return last === undefined ? undefined : endOf(last.value ?? last.key);
  }
  if (isSeq(node) && node.flow !== true) return endOf(node.items.at(-1));
  return isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[1] : undefined;
}

/** The beginning of the line after; a block of text ends there already. */
function lineAfter(text: string, position: number): number {
  if (text[position - 1] === '\n') return position;
  const end = text.indexOf('\n', position);
  return end < 0 ? text.length : end + 1;
}
