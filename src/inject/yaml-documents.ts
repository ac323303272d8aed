/** YAML streams, document by document: what is not changed stays byte for byte, what is changed keeps its comments and order. */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseDocument,
  type ScalarTag,
  type SchemaOptions,
  visit,
} from 'yaml';
import { InputError } from '../platform/errors.ts';
import { sameJson } from './json.ts';
import { diff, type Operation } from './patch.ts';
import { spliceLines } from './yaml-splice.ts';

/** A document of a stream. All texts together are the stream. */
export interface YamlPiece {
  readonly text: string;
  /** The line of the stream that it begins with, counted from 1. */
  readonly line: number;
}

const MARKER = /^(---|\.\.\.)(?=\s|$)/;

/**
 * Splits a stream into its documents. A line that begins with `---` or `...` ends a document wherever it is, in quoted and block
 * texts too (YAML 1.2 §9.1.2), so no parser is needed. The marker belongs to what follows it.
 */
export function splitStream(stream: string): readonly YamlPiece[] {
  const pieces: YamlPiece[] = [];
  let [text, start, line] = ['', 1, 0];
  let directives = false;
  for (const each of stream.split(/(?<=\n)/)) {
    line += 1;
    // Directives belong to the marker after them.
    if (MARKER.test(each) && text !== '' && !(directives && each.startsWith('---'))) {
      pieces.push({ text, line: start });
      [text, start] = ['', line];
      directives = false;
    }
    if (text.trim() === '' && each.startsWith('%')) directives = true;
    if (MARKER.test(each)) directives = false;
    text += each;
  }
  if (text !== '') pieces.push({ text, line: start });
  return pieces;
}

type TagsFunction = Extract<SchemaOptions['customTags'], (...args: never) => unknown>;
type Tags = ReturnType<TagsFunction>;

const UNKNOWN_TO_KUBERNETES = /:(timestamp|binary|omap|pairs|set)$/;

/**
 * The scalars of Kubernetes' own parser: YAML 1.1 (`yes` and `0644` are no texts), without times. A number is written as it was
 * read, for 0644 is not 644 and 2^60 is not a number of JavaScript.
 */
const kubernetesTags: TagsFunction = (tags) =>
  tags.flatMap((tag): Tags => {
    if (typeof tag === 'string') return [tag];
    if (tag.format === 'TIME' || UNKNOWN_TO_KUBERNETES.test(tag.tag)) return [];
    const { stringify } = tag as ScalarTag;
    if (stringify === undefined || !/:(int|float)$/.test(tag.tag)) return [tag];
    const asRead: ScalarTag = {
      ...(tag as ScalarTag),
      stringify: (scalar, ...rest) => scalar.source ?? stringify(scalar, ...rest),
    };
    return [asRead];
  });

export interface YamlDocument {
  /** The document as plain data. */
  readonly value: unknown;
  /** The text of the document with another value; only what differs is written anew. */
  print(value: unknown): string;
}

/**
 * Parses one document.
 * @throws InputError with the lines at fault, counted in the whole stream
 */
export function parseYaml({ text, line }: YamlPiece): YamlDocument {
  const json = asJson(text);
  if (json !== undefined) return json;
  const document = parseDocument(text, {
    schema: 'yaml-1.1',
    customTags: kubernetesTags,
    // For what is written: quotes around whatever another parser takes for a time.
    compat: 'yaml-1.1',
    merge: true,
    prettyErrors: false,
    keepSourceTokens: false,
  });
  if (document.errors.length > 0) {
    throw new InputError(
      document.errors.map((error) => {
        const before = text.slice(0, error.pos[0]).split('\n').length - 1;
        return `line ${line + before}: ${error.message}`;
      }),
    );
  }
  const value: unknown = document.toJS({ maxAliasCount: 1000 });
  return { value, print: (changed) => printChanged(document, text, value, changed) };
}

/** JSON is YAML too, but what comes in as JSON goes out as JSON. */
function asJson(text: string): YamlDocument | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    const indent = /^\s*\{\s*?\n(\s+)"/.exec(text)?.[1];
    const end = text.endsWith('\n') ? '\n' : '';
    return { value, print: (changed) => `${JSON.stringify(changed, undefined, indent)}${end}` };
  } catch {
    return undefined;
  }
}

function printChanged(
  document: Document.Parsed<ParsedNode>,
  text: string,
  before: unknown,
  after: unknown,
): string {
  const operations = diff(before, after).map((operation) => ({ operation, path: pathOf(operation) }));
  if (operations.length === 0) return text;
  const shared = text.includes('*') && hasAliases(document);
  const indentSeq = indentsLists(document, text);
  const spliced = shared ? undefined : spliceLines(document, text, operations, indentSeq);
  if (spliced !== undefined) return spliced;
  const pads = padsBrackets(document, text);
  try {
    for (const { operation, path } of operations) apply(document, operation, path);
    if (shared && !sameJson(document.toJS(), after)) throw new Error('an alias shares what was changed');
  } catch {
    // Anchors and merge keys may share what has to differ now: then the value is written out, without its comments.
    document.contents = nodeOf(document, after) as ParsedNode;
  }
  const printed = document.toString({
    lineWidth: 0,
    minContentWidth: 0,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
    indentSeq,
    flowCollectionPadding: pads,
  });
  return text.includes('\r\n') ? printed.replaceAll(/\r?\n/g, '\r\n') : printed;
}

function hasAliases(document: Document.Parsed<ParsedNode>): boolean {
  let found = false;
  visit(document, {
    Alias: () => {
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}

/** Whether the items of lists are further right than their key: as in the first list that is written in lines. */
function indentsLists(document: Document.Parsed<ParsedNode>, text: string): boolean {
  const column = (position: number) => position - (text.lastIndexOf('\n', position - 1) + 1);
  let indents: boolean | undefined;
  visit(document, {
    Pair: (_, { key, value }) => {
      if (!isSeq(value) || value.flow === true || !value.range || !isNode(key) || !key.range)
        return undefined;
      indents = column(value.range[0]) > column(key.range[0]);
      return visit.BREAK;
    },
  });
  return indents ?? false;
}

/** Whether brackets have a blank inside: as the first that holds something. */
function padsBrackets(document: Document.Parsed<ParsedNode>, text: string): boolean {
  let pads: boolean | undefined;
  visit(document, {
    Collection: (_, node) => {
      if (node.flow !== true || node.items.length === 0 || !node.range) return undefined;
      pads = text[node.range[0] + 1] === ' ';
      return visit.BREAK;
    },
  });
  return pads ?? false;
}

function apply(document: Document.Parsed<ParsedNode>, operation: Operation, whole: readonly string[]): void {
  const path = whole.slice(0, -1);
  const last = whole.at(-1) ?? '';
  let node: unknown = document.contents;
  if (operation.op !== 'remove') toLines(node);
  for (const name of path) {
    node = own(document, node, name);
    if (operation.op !== 'remove') toLines(node);
  }
  if (isSeq(node)) {
    const index = Number(last);
    if (operation.op === 'remove') node.items.splice(index, 1);
    else if (operation.op === 'add') node.items.splice(index, 0, nodeOf(document, operation.value));
    else node.items[index] = nodeOf(document, operation.value);
  } else if (isMap(node)) {
    if (operation.op === 'remove') node.delete(last);
    else node.set(last, nodeOf(document, operation.value));
  } else throw new Error(`${operation.path}: there is no such node`);
}

/** What gets more to hold is written in lines from now on, not in brackets. */
function toLines(node: unknown): void {
  if ((isMap(node) || isSeq(node)) && node.flow === true) node.flow = false;
}

/** A member or an item of a node. An alias is replaced by a copy first: what it stands for must not change with it. */
function own(document: Document.Parsed<ParsedNode>, node: unknown, name: string): unknown {
  if (!isMap(node) && !isSeq(node)) return undefined;
  const key = isSeq(node) ? Number(name) : name;
  const member: unknown = node.get(key, true);
  if (!isAlias(member)) return member;
  const copy = copyOf(document, member);
  node.set(key, copy);
  return copy;
}

function copyOf(document: Document.Parsed<ParsedNode>, alias: Alias): unknown {
  const target = alias.resolve(document);
  if (target === undefined || !isNode(target)) throw new Error('an alias without an anchor');
  const copy = target.clone();
  visit(copy as ParsedNode, {
    Node: (_, each) => {
      if (!isAlias(each) && (isScalar(each) || isMap(each) || isSeq(each))) delete each.anchor;
    },
  });
  return copy;
}

function pathOf({ path }: Operation): readonly string[] {
  return path
    .slice(1)
    .split('/')
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Without anchors: that two containers have the same resources does not make them one thing. */
function nodeOf(document: Document.Parsed<ParsedNode>, value: unknown): Node {
  return document.createNode(value, { aliasDuplicateObjects: false });
}
