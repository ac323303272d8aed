import { type Fields, isObject, show } from './json.ts';

/** Reads single values out of a tree by their paths. What is wrong is gathered in `problems`, and the default taken. */
export interface TreeReader {
  readonly problems: string[];
  /** Null when nothing was written there. */
  raw(path: string): unknown;
  text(path: string, fallback: string): string;
  flag(path: string, fallback: boolean): boolean;
  number(path: string, fallback: number): number;
  texts(path: string): readonly string[];
  object(path: string, fallback: Fields): Fields;
  objects(path: string): readonly Fields[];
  map(path: string): Readonly<Record<string, string>>;
}

/** @param name what the tree is, for messages: `values` */
export function readTree(tree: Fields, name: string): TreeReader {
  const problems: string[] = [];
  const raw = (path: string): unknown => {
    let at: unknown = tree;
    for (const part of path.split('.')) at = isObject(at) ? at[part] : undefined;
    return at ?? null;
  };
  function read<T>(path: string, expected: string, fallback: T, take: (value: unknown) => T | undefined): T {
    const value = raw(path);
    if (value === null) return fallback;
    const taken = take(value);
    if (taken !== undefined) return taken;
    problems.push(`${name}: ${path}: expected ${expected}, got ${show(value)}`);
    return fallback;
  }
  return {
    problems,
    raw,
    // A number with a point in it is refused: 1.10 would have become 1.1 by now.
    text: (path, fallback) => read(path, 'a text; put it in quotes', fallback, textOf),
    flag: (path, fallback) => read(path, 'true or false', fallback, truthOf),
    number: (path, fallback) => read(path, 'a whole number', fallback, wholeNumberOf),
    texts: (path) =>
      read<readonly string[]>(path, 'a list of texts', [], (value) => {
        const texts = Array.isArray(value) ? value.map(textOf) : [undefined];
        return texts.every((text) => text !== undefined) ? texts : undefined;
      }),
    object: (path, fallback) =>
      read(path, 'an object', fallback, (value) => (isObject(value) ? value : undefined)),
    objects: (path) =>
      read<readonly Fields[]>(path, 'a list of objects', [], (value) =>
        Array.isArray(value) && value.every(isObject) ? value : undefined,
      ),
    map: (path) =>
      read(path, 'names and texts', {}, (value) => {
        if (!isObject(value)) return undefined;
        const entries = Object.entries(value).map(([key, item]) => [key, textOf(item)] as const);
        return entries.every(([, item]) => item !== undefined)
          ? (Object.fromEntries(entries) as Record<string, string>)
          : undefined;
      }),
  };
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) || typeof value === 'boolean' ? String(value) : undefined;
}

function truthOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  return value === 'true' ? true : value === 'false' ? false : undefined;
}

function wholeNumberOf(value: unknown): number | undefined {
  if (typeof value === 'string' && /^\d{1,9}$/.test(value)) return Number(value);
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
}
