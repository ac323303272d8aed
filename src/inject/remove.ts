/** Takes an earlier injection out of a pod, so that the next one finds what its user has written. */
import { ANNOTATION } from './annotations.ts';
import { parseJson } from './checks.ts';
import { type Fields, isObject, listOf, without } from './json.ts';
import { type Container, type Pod, PROXY, type StringMap } from './kubernetes.ts';
import { PROBERS, restoreProbes } from './probes.ts';
import { restoreScrape, SCRAPE_ENV } from './prometheus.ts';
import { type InjectionStatus, readStatus } from './status.ts';
import { applicationPorts } from './template/input.ts';

const METADATA_ENV = 'ISTIO_METAJSON_ANNOTATIONS';

/** Annotations that 1.5 writes beside the status, each with the option of istio-iptables that has its value. */
const REDIRECT: Readonly<Record<string, string>> = {
  [ANNOTATION.interceptionMode]: '-m',
  [ANNOTATION.includeOutboundIPRanges]: '-i',
  [ANNOTATION.excludeOutboundIPRanges]: '-x',
  [ANNOTATION.excludeInboundPorts]: '-d',
  [ANNOTATION.excludeOutboundPorts]: '-o',
  [ANNOTATION.kubevirtInterfaces]: '-k',
};

/**
 * @param injectedAnnotations what the administrator adds to every pod
 * @returns the pod itself when it has not been injected
 */
export function removeInjection(pod: Pod, injectedAnnotations: StringMap): Pod {
  const { metadata, spec } = pod;
  const status = readStatus(metadata.annotations);
  if (status === undefined) return pod;
  const all = [...listOf(spec.initContainers), ...listOf(spec.containers)];
  const ours = (name: string) => status.containers.includes(name) || status.initContainers.includes(name);
  const proxy = all.find(({ name }) => name === PROXY && ours(name));
  const env = (name: string) =>
    listOf(proxy?.env).find((variable) => variable.name === name)?.value ?? undefined;
  const probers = parseJson(env(PROBERS) ?? '{}');
  const overrides = parseJson(metadata.annotations?.[ANNOTATION.overrides] ?? '{}');
  const restore = (member: 'initContainers' | 'containers'): readonly Container[] => [
    ...listOf(spec[member])
      .filter(({ name }) => !status[member].includes(name))
      .map((container) => restoreProbes(container, isObject(probers) ? probers : {})),
    ...overridden(overrides, member),
  ];
  const containers = restore('containers');
  const init = all.find(({ name }) => name === 'istio-init' || name === 'istio-validation');
  const annotations = restoreScrape(
    withoutOurs(metadata.annotations ?? {}, status, injectedAnnotations, {
      written: parseJson(env(METADATA_ENV) ?? '{}'),
      init: init !== undefined && ours(init.name) ? init : undefined,
      ports: applicationPorts(containers),
    }),
    env(SCRAPE_ENV),
  );
  return {
    ...pod,
    metadata: list(
      { ...metadata },
      'annotations',
      Object.keys(annotations).length > 0 ? annotations : undefined,
    ),
    spec: lists(spec, {
      initContainers: restore('initContainers'),
      containers,
      volumes: listOf(spec.volumes).filter(({ name }) => !status.volumes.includes(name)),
      imagePullSecrets: listOf(spec.imagePullSecrets).filter(
        ({ name }) => name === undefined || !status.imagePullSecrets.includes(name),
      ),
    }),
  };
}

function overridden(overrides: unknown, member: string): readonly Container[] {
  const list = isObject(overrides) ? overrides[member] : undefined;
  return Array.isArray(list) ? list.filter((item) => isObject(item) && typeof item['name'] === 'string') : [];
}

/** A list that is empty was most likely not there; `containers` has to be. */
function lists<T extends Fields>(spec: T, changed: Readonly<Record<string, readonly unknown[]>>): T {
  let result: Fields = spec;
  for (const [name, value] of Object.entries(changed)) {
    if (spec[name] === undefined && value.length === 0) continue;
    result = list(result, name, value.length > 0 || name === 'containers' ? value : undefined);
  }
  return result as T;
}

function list<T extends Fields>(object: T, name: string, value: unknown): T {
  return value === undefined ? without(object, name) : { ...object, [name]: value };
}

/**
 * The annotations without those that the injection has written. Those of 1.5 cannot be told from the user's by their names: its
 * proxy has in its environment what the user wrote, and its init container what was in force.
 */
function withoutOurs(
  annotations: StringMap,
  { compat }: InjectionStatus,
  injected: StringMap,
  before: { readonly written: unknown; readonly init: Container | undefined; readonly ports: string },
): StringMap {
  const written = isObject(before.written) ? before.written : {};
  const args = [...listOf(before.init?.command), ...listOf(before.init?.args)];
  const option = (flag: string) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined);
  const isOurs = (name: string, value: string): boolean => {
    if (name === ANNOTATION.status || name === ANNOTATION.overrides) return true;
    if (compat === '1.30') return false;
    if (Object.hasOwn(written, name)) return false;
    if (injected[name] === value) return true;
    if (name === ANNOTATION.includeInboundPorts) return value === before.ports;
    const flag = REDIRECT[name];
    if (flag === undefined) return false;
    if (before.init === undefined) return true;
    return value === option(flag) || (flag === '-d' && `15090,${value}` === option(flag));
  };
  return Object.fromEntries(Object.entries(annotations).filter(([name, value]) => !isOurs(name, value)));
}
