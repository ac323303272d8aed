/** The record of an injection, in the annotation `sidecar.istio.io/status`: what a later one has to take away first. */
import { ANNOTATION } from './annotations.ts';
import { parseJson } from './checks.ts';
import { isObject, listOf } from './json.ts';
import type { Pod, StringMap } from './kubernetes.ts';
import type { Compat } from './values.ts';

export interface InjectionStatus {
  readonly initContainers: readonly string[];
  readonly containers: readonly string[];
  readonly volumes: readonly string[];
  readonly imagePullSecrets: readonly string[];
  /** 1.5's has a version. */
  readonly compat: Compat;
}

/** What an earlier injection has left; undefined when there was none, or its record cannot be read. */
export function readStatus(annotations: StringMap | null | undefined): InjectionStatus | undefined {
  const text = annotations?.[ANNOTATION.status];
  const tree = text === undefined ? undefined : parseJson(text);
  if (!isObject(tree)) return undefined;
  const names = (member: string): readonly string[] => {
    const list = tree[member];
    return Array.isArray(list) ? list.filter((name) => typeof name === 'string') : [];
  };
  const status: InjectionStatus = {
    initContainers: names('initContainers'),
    containers: names('containers'),
    volumes: names('volumes'),
    imagePullSecrets: names('imagePullSecrets'),
    compat: tree['version'] === undefined ? '1.30' : '1.5',
  };
  const { initContainers, containers, volumes, imagePullSecrets } = status;
  return [initContainers, containers, volumes, imagePullSecrets].every((list) => list.length === 0)
    ? undefined
    : status;
}

/** The record of what `after` has more than `before`, with the members in the order of the original. */
export function writeStatus(
  before: Pod,
  after: Pod,
  compat: Compat,
  version: string,
  revision: string,
): string {
  const added = (member: 'initContainers' | 'containers' | 'volumes' | 'imagePullSecrets') => {
    const names = (pod: Pod) => listOf<{ readonly name?: string }>(pod.spec[member]).map(({ name }) => name);
    const had = new Set(names(before));
    const list = names(after).filter((name) => !had.has(name));
    return list.length === 0 ? null : list;
  };
  const lists = {
    initContainers: added('initContainers'),
    containers: added('containers'),
    volumes: added('volumes'),
    imagePullSecrets: added('imagePullSecrets'),
  };
  return JSON.stringify(compat === '1.5' ? { version, ...lists } : { ...lists, revision });
}
