import type * as Yaml from 'yaml';
import { toError } from '../../platform/errors.ts';
import { readPlainYaml } from './plain-yaml.ts';
import type { Chunk } from './split.ts';

/** From the top of a document to one of its values: names of fields, indices of lists. */
export type Path = readonly (string | number)[];

/** A YAML document as plain data. */
export interface Document {
  readonly value: unknown;
  /** Which document of the file, from 1. */
  readonly document: number;
  /** The line of the file, from 1, in which a value begins; of what is not there, the line of what would hold it. */
  readonly lineOf: (path: Path) => number;
}

export interface SyntaxProblem {
  readonly document: number;
  readonly line: number;
  readonly message: string;
}

export interface ParsedChunk {
  readonly documents: readonly Document[];
  readonly problems: readonly SyntaxProblem[];
}

/** Parses a chunk of `splitDocuments`. The YAML library is loaded for the first one that needs it. */
export async function parseChunk(chunk: Chunk): Promise<ParsedChunk> {
  const plain = readPlainYaml(chunk.text);
  if (plain === undefined) return parseWithLibrary(await import('yaml'), chunk);
  const { value, lines } = plain;
  const lineOf = (path: Path) => chunk.line + plainLine(value, lines, path);
  return { documents: [{ value, document: chunk.document, lineOf }], problems: [] };
}

function plainLine(root: unknown, lines: ReadonlyMap<object, readonly number[]>, path: Path): number {
  let line = typeof root === 'object' && root !== null ? (lines.get(root)?.[0] ?? 0) : 0;
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null) break;
    const index = typeof step === 'number' ? step : Object.keys(value).indexOf(step);
    const found = lines.get(value)?.[index];
    if (found === undefined) break;
    line = found;
    value = (value as Record<string | number, unknown>)[step];
  }
  return line;
}

function parseWithLibrary(yaml: typeof Yaml, { text, document: first, line: start }: Chunk): ParsedChunk {
  const lineCounter = new yaml.LineCounter();
  const problems: SyntaxProblem[] = [];
  const documents: Document[] = [];
  const lineAt = (offset: number) => start - 1 + lineCounter.linePos(offset).line;
  try {
    // Plain data only: without these, a tag or a %YAML directive brings in dates, sets and byte arrays.
    const parsed = yaml.parseAllDocuments(text, {
      schema: 'core',
      resolveKnownTags: false,
      merge: true,
      prettyErrors: false,
      logLevel: 'silent',
      lineCounter,
    });
    for (const [i, one] of [...parsed].entries()) {
      const document = first + i;
      for (const { pos, message } of one.errors) {
        problems.push({ document, line: lineAt(pos[0]), message: message.split('\n')[0] ?? '' });
      }
      if (one.errors.length > 0) continue;
      try {
        const value: unknown = one.toJS();
        const lineOf = (path: Path) => lineAt(libraryOffset(yaml, one, path));
        documents.push({ value, document, lineOf });
      } catch (thrown) {
        problems.push({ document, line: lineAt(one.range[0]), message: toError(thrown).message });
      }
    }
  } catch (thrown) {
    // The library is recursive: a document of ten thousand brackets ends here.
    const message =
      thrown instanceof RangeError ? 'it is nested too deeply to be read' : toError(thrown).message;
    problems.push({ document: first, line: start, message });
  }
  return { documents, problems };
}

function libraryOffset(yaml: typeof Yaml, document: Yaml.Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = rangeStart(yaml, node) ?? 0;
  for (const step of path) {
    if (yaml.isAlias(node)) node = node.resolve(document);
    const next = yaml.isMap(node) ? entryOf(yaml, node, step) : undefined;
    const value: unknown =
      next?.value ?? (yaml.isSeq(node) && typeof step === 'number' ? node.items[step] : undefined);
    const start = rangeStart(yaml, next?.key) ?? rangeStart(yaml, value);
    if (start === undefined) break;
    offset = start;
    node = value;
  }
  return offset;
}

function entryOf(yaml: typeof Yaml, map: Yaml.YAMLMap, name: string | number): Yaml.Pair | undefined {
  return map.items.find(({ key }) => (yaml.isScalar(key) ? String(key.value) : key) === String(name));
}

function rangeStart(yaml: typeof Yaml, node: unknown): number | undefined {
  return yaml.isNode(node) ? node.range?.[0] : undefined;
}
