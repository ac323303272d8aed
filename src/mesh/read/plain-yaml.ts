/**
 * Reads the YAML that manifests are made of (block mappings and sequences, plain and simply quoted scalars, literal blocks),
 * some five times faster than the YAML library, which knows all of it. Whatever is not certainly in that subset, right or
 * wrong, is left to the library: a property test holds the two together.
 */

export interface PlainDocument {
  readonly value: unknown;
  /** Of each mapping and sequence: the line of each entry, from 0, in the order of the entries. */
  readonly lines: ReadonlyMap<object, readonly number[]>;
}

/** Left to the library. */
const NOT_PLAIN = Symbol('not plain');
/** The library ends at some depth too; nothing that is meant is deeper. */
const MAX_DEPTH = 40;

/** Keys that no type but text fits, and that are no index of an array: objects keep them in order. */
const ENTRY = /^([A-Za-z_][\w./-]{0,255}):(?: +|$)/;
const OTHER_TYPES = /^(?:null|true|false|y|n|yes|no|on|off|__proto__)$/i;
const BOOLEAN_OR_NULL = /^(?:true|false|null|True|False|Null|TRUE|FALSE|NULL)$/;
const INTEGER = /^(?:0|[1-9][0-9]{0,14})$/;
/** Whatever of the core schema is a number and begins with a digit. */
const NUMBER = /^(?:0o[0-7]+|0x[0-9a-fA-F]+|[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?)$/;
/** Arguments of a command, the one thing with a dash in front that is not rare. */
const FLAG = /^--?[A-Za-z]/;
/** Characters with which no plain scalar begins, or with which it may be a number. */
const INDICATORS = new Set([...'-?:,[]{}#&*!|>\'"%@`=~.+']);

/** @returns undefined when the text is not certainly in the subset */
export function readPlainYaml(text: string): PlainDocument | undefined {
  // Blanks that are none for YAML, marks of byte order, and characters that it forbids.
  if (/[^\n\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe]/.test(text)) return undefined;
  const source = text.split('\n');
  const lines = new Map<object, readonly number[]>();
  let at = 0;

  try {
    if (/^---(?: +#.*| *)$/.test(source[0] ?? '')) at = 1;
    skipBlank();
    if (at === source.length) return { value: null, lines };
    const value = block(indentOf(source[at] ?? ''), 0);
    return at === source.length ? { value, lines } : undefined;
  } catch (thrown) {
    if (thrown === NOT_PLAIN) return undefined;
    throw thrown;
  }

  /** To the next line with content. */
  function skipBlank(): void {
    for (; at < source.length; at += 1) {
      const line = source[at] ?? '';
      const first = line.charCodeAt(indentOf(line));
      if (!Number.isNaN(first) && first !== HASH) return;
    }
  }

  /** The indentation of the next line with content; -1 at the end. */
  function nextIndent(): number {
    skipBlank();
    return at === source.length ? -1 : indentOf(source[at] ?? '');
  }

  function block(indent: number, depth: number): unknown {
    const line = source[at] ?? '';
    if (isItem(line, indent)) return sequence(indent, depth);
    return mapping(indent, depth, line.slice(indent));
  }

  /** @param first the first entry, without its indentation: it may stand behind a dash */
  function mapping(indent: number, depth: number, first: string): unknown {
    if (depth > MAX_DEPTH) throw NOT_PLAIN;
    const result: Record<string, unknown> = {};
    const where: number[] = [];
    let rest = first;
    do {
      const entry = ENTRY.exec(rest);
      const key = entry?.[1];
      if (entry === null || key === undefined || OTHER_TYPES.test(key) || Object.hasOwn(result, key)) {
        throw NOT_PLAIN;
      }
      where.push(at);
      result[key] = value(rest.slice(entry[0].length), indent, depth, true);
      if (nextIndent() !== indent) break;
      rest = (source[at] ?? '').slice(indent);
    } while (!isItem(rest, 0));
    // What is deeper than this mapping, and not a part of it, is for nobody.
    if (nextIndent() > indent) throw NOT_PLAIN;
    lines.set(result, where);
    return result;
  }

  function sequence(indent: number, depth: number): unknown {
    const result: unknown[] = [];
    const where: number[] = [];
    do {
      const line = source[at] ?? '';
      where.push(at);
      let content = indent + 1;
      while (line.charCodeAt(content) === SPACE) content += 1;
      const rest = line.slice(content);
      result.push(ENTRY.test(rest) ? mapping(content, depth + 1, rest) : value(rest, indent, depth, false));
    } while (nextIndent() === indent && isItem(source[at] ?? '', indent));
    if (nextIndent() > indent) throw NOT_PLAIN;
    lines.set(result, where);
    return result;
  }

  /**
   * What stands behind a key or a dash, or below it.
   * @param indent of the key or the dash
   * @param ofKey below a key a sequence need not be indented
   */
  function value(rest: string, indent: number, depth: number, ofKey: boolean): unknown {
    at += 1;
    const first = rest.charCodeAt(0);
    if (Number.isNaN(first) || first === HASH) {
      const next = nextIndent();
      if (next > indent) return block(next, depth + 1);
      return ofKey && next === indent && isItem(source[at] ?? '', indent)
        ? sequence(indent, depth + 1)
        : null;
    }
    if (first === PIPE) return literal(rest, indent);
    const scalar = scalarOf(rest);
    // A scalar may go on in the next line.
    if (nextIndent() > indent) throw NOT_PLAIN;
    return scalar;
  }

  /** `|` and `|-`, without blank lines or comments at their edges. */
  function literal(rest: string, indent: number): string {
    if (rest !== '|' && rest !== '|-') throw NOT_PLAIN;
    const start = at;
    const own = indentOf(source[at] ?? '');
    if (own <= indent) throw NOT_PLAIN;
    while (at < source.length && indentOf(source[at] ?? '') >= own) at += 1;
    const body = source.slice(start, at);
    const after = source[at];
    const blank = (line: string) => line.trim() === '';
    if (body.some(blank) || (after !== undefined && blank(after) && at < source.length - 1)) throw NOT_PLAIN;
    if (nextIndent() > indent) throw NOT_PLAIN;
    return body.map((line) => line.slice(own)).join('\n') + (rest === '|' ? '\n' : '');
  }
}

const SPACE = 0x20;
const HASH = 0x23;
const DASH = 0x2d;
const PIPE = 0x7c;

function indentOf(line: string): number {
  let indent = 0;
  while (line.charCodeAt(indent) === SPACE) indent += 1;
  return indent;
}

function isItem(line: string, indent: number): boolean {
  if (line.charCodeAt(indent) !== DASH) return false;
  const next = line.charCodeAt(indent + 1);
  return next === SPACE || Number.isNaN(next);
}

/** A scalar in one line, as the core schema of YAML 1.2 has it. */
function scalarOf(rest: string): unknown {
  const comment = rest.indexOf(' #');
  const text = comment < 0 ? rest.trimEnd() : rest.slice(0, comment).trimEnd();
  const first = text[0] ?? '';
  if (first === '"' || first === "'") {
    const body = text.slice(1, -1);
    if (text.length < 2 || text.at(-1) !== first || body.includes(first) || body.includes('\\'))
      throw NOT_PLAIN;
    return body;
  }
  if (text === '[]') return [];
  if (text === '{}') return {};
  if ((INDICATORS.has(first) && !FLAG.test(text)) || text.includes(': ') || text.endsWith(':'))
    throw NOT_PLAIN;
  if (first >= '0' && first <= '9') {
    if (INTEGER.test(text)) return Number(text);
    if (NUMBER.test(text)) throw NOT_PLAIN;
    return text;
  }
  if (!BOOLEAN_OR_NULL.test(text)) return text;
  const lower = text.toLowerCase();
  return lower === 'null' ? null : lower === 'true';
}
