/** A strategic-merge patch of Kubernetes: maps are merged, the lists that have a key are merged item by item. */
import { type Fields, isObject } from './json.ts';

/** Lists that are merged, and the member by which their items are told apart. Every other list is replaced. */
const KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  volumes: 'name',
  imagePullSecrets: 'name',
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  volumeDevices: 'devicePath',
  hostAliases: 'ip',
  topologySpreadConstraints: 'topologyKey',
  resourceClaims: 'name',
};

/**
 * Applies a patch. Null removes a member; `$patch: delete` removes an item of a list, `$patch: replace` replaces an object or, as
 * an item of its own, a whole list. What the patch adds to a list comes after what is there.
 */
export function mergePatch(target: unknown, patch: unknown, listName = ''): unknown {
  if (Array.isArray(patch)) return mergeList(target, patch, KEYS[listName]);
  if (!isObject(patch)) return patch;
  const { $patch: directive, ...members } = patch;
  const base: Fields = isObject(target) && directive !== 'replace' ? target : {};
  const result: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(members)) {
    if (value === null) delete result[name];
    else result[name] = mergePatch(base[name], value, name);
  }
  return result;
}

function mergeList(target: unknown, patch: readonly unknown[], key: string | undefined): readonly unknown[] {
  const items: unknown[] = Array.isArray(target) ? [...target] : [];
  const isDirective = (item: unknown) =>
    isObject(item) && item['$patch'] === 'replace' && Object.keys(item).length === 1;
  if (key === undefined || patch.some(isDirective)) return patch.filter((item) => !isDirective(item));
  for (const change of patch) {
    if (!isObject(change)) continue;
    const at = items.findIndex((item) => isObject(item) && item[key] === change[key]);
    if (change['$patch'] === 'delete') {
      if (at >= 0) items.splice(at, 1);
    } else if (at >= 0) items[at] = mergePatch(items[at], change);
    else items.push(mergePatch({}, change));
  }
  return items;
}
