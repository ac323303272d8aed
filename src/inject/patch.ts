/** The difference of two values as a JSON patch (RFC 6902), and nothing else: what it does not name stays as it is. */
import { type Fields, isObject, sameJson } from './json.ts';

export type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/**
 * The operations that make `after` of `before`, to be applied in their order. Items of lists are told apart by their `name`, where
 * they have one: a container that stays is patched in its place, and lists are longer or shorter afterwards, not new.
 */
export function diff(before: unknown, after: unknown): readonly Operation[] {
  const operations: Operation[] = [];
  compare(before, after, '', operations);
  return operations;
}

function compare(before: unknown, after: unknown, path: string, operations: Operation[]): void {
  if (before === after) return;
  if (Array.isArray(before) && Array.isArray(after)) compareLists(before, after, path, operations);
  else if (isObject(before) && isObject(after)) compareObjects(before, after, path, operations);
  else if (!sameJson(before, after)) operations.push({ op: 'replace', path, value: after });
}

function compareObjects(before: Fields, after: Fields, path: string, operations: Operation[]): void {
  for (const name of Object.keys(before)) {
    if (after[name] === undefined && before[name] !== undefined) {
      operations.push({ op: 'remove', path: `${path}/${escapePointer(name)}` });
    }
  }
  for (const [name, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const member = `${path}/${escapePointer(name)}`;
    if (before[name] === undefined) operations.push({ op: 'add', path: member, value });
    else compare(before[name], value, member, operations);
  }
}

function compareLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  operations: Operation[],
): void {
  if (before.length === after.length && ![...before, ...after].some(isNamed)) {
    for (const [index, value] of after.entries())
      compare(before[index], value, `${path}/${index}`, operations);
    return;
  }
  const wanted = new Set(after.map(keyOf));
  const now: { readonly key: string; readonly value: unknown }[] = [];
  for (const value of before) now.push({ key: keyOf(value), value });
  // From the end, so that the numbers of those before stay true.
  for (let index = now.length - 1; index >= 0; index -= 1) {
    if (wanted.has(now[index]?.key ?? '')) continue;
    operations.push({ op: 'remove', path: `${path}/${index}` });
    now.splice(index, 1);
  }
  for (const [index, value] of after.entries()) {
    const key = keyOf(value);
    const here = now[index];
    if (here?.key === key) {
      compare(here.value, value, `${path}/${index}`, operations);
      continue;
    }
    const later = now.findIndex((item, at) => at > index && item.key === key);
    if (later >= 0) {
      operations.push({ op: 'remove', path: `${path}/${later}` });
      now.splice(later, 1);
    }
    operations.push({ op: 'add', path: `${path}/${index}`, value });
    now.splice(index, 0, { key, value });
  }
  for (let index = now.length - 1; index >= after.length; index -= 1) {
    operations.push({ op: 'remove', path: `${path}/${index}` });
  }
}

function isNamed(item: unknown): boolean {
  return isObject(item) && typeof item['name'] === 'string';
}

/** What an item of a list is: its name, or else all of it. */
function keyOf(item: unknown): string {
  if (isObject(item)) {
    const { name } = item;
    if (typeof name === 'string') return `name ${name}`;
  }
  return JSON.stringify(item) ?? 'undefined';
}

/** A member's name as a part of a JSON pointer (RFC 6901). */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
