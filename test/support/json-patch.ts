import type { Operation } from '../../src/inject/patch.ts';

type Container = Record<string, unknown> | unknown[];

/**
 * Applies a JSON patch by the letter of RFC 6902, to a copy. Written from the standard alone: it is what the patches are tested
 * against.
 * @throws Error for each operation that the standard calls an error
 */
export function applyJsonPatch(document: unknown, operations: readonly Operation[]): unknown {
  const root = { whole: structuredClone(document) };
  for (const operation of operations) {
    const [container, token] = locate(root, operation.path);
    if (Array.isArray(container)) applyToList(container, token, operation);
    else applyToObject(container, token, operation);
  }
  return root.whole;
}

function locate(root: { whole: unknown }, pointer: string): readonly [Container, string] {
  if (pointer === '') return [root, 'whole'];
  if (!pointer.startsWith('/')) throw new Error(`"${pointer}" is no JSON pointer`);
  const tokens = pointer.slice(1).split('/').map(unescaped);
  const last = tokens.pop() ?? '';
  let at: unknown = root.whole;
  for (const token of tokens) {
    if (Array.isArray(at)) at = at[indexIn(at, token, false)];
    else if (typeof at === 'object' && at !== null && Object.hasOwn(at, token)) {
      at = (at as Record<string, unknown>)[token];
    } else throw new Error(`${pointer}: there is no "${token}"`);
  }
  if (typeof at !== 'object' || at === null) throw new Error(`${pointer}: its parent has no members`);
  return [at as Container, last];
}

function unescaped(token: string): string {
  if (/~(?![01])/.test(token)) throw new Error(`"${token}": a "~" must be followed by 0 or 1`);
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

function indexIn(list: readonly unknown[], token: string, end: boolean): number {
  if (end && token === '-') return list.length;
  if (!/^(0|[1-9]\d*)$/.test(token)) throw new Error(`"${token}" is no index`);
  const index = Number(token);
  if (index >= list.length + (end ? 1 : 0)) throw new Error(`index ${index} is beyond the end`);
  return index;
}

function applyToList(list: unknown[], token: string, operation: Operation): void {
  const index = indexIn(list, token, operation.op === 'add');
  if (operation.op === 'add') list.splice(index, 0, structuredClone(operation.value));
  else if (operation.op === 'replace') list[index] = structuredClone(operation.value);
  else list.splice(index, 1);
}

function applyToObject(object: Record<string, unknown>, token: string, operation: Operation): void {
  if (operation.op !== 'add' && !Object.hasOwn(object, token)) throw new Error(`there is no "${token}"`);
  if (operation.op === 'remove') delete object[token];
  else object[token] = structuredClone(operation.value);
}
