/** Takes an earlier injection out of a pod, so that the next one finds what its user has written. */
import { ANNOTATION } from './annotations.ts';
import { itemsOf, parseJson } from './checks.ts';
import { type Fields, isObject, listOf, without } from './json.ts';
import { type Container, type Pod, type PodSpec, PROXY, type StringMap } from './kubernetes.ts';
import { PROBERS, restoreProbes } from './probes.ts';
import { restoreScrape, SCRAPE_ANNOTATIONS, SCRAPE_ENV } from './prometheus.ts';
import { type InjectionStatus, readStatus } from './status.ts';
import { applicationPorts } from './template/input.ts';

/** Where the agent is unless somebody says otherwise: its status port, and its metrics without one. */
const USUAL_PORTS = ['15020', '15090'];
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
  if (status === undefined) return withoutStatus(pod);
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
    spec: lists(spec, status, {
      initContainers: restore('initContainers'),
      containers,
      volumes: listOf(spec.volumes).filter(({ name }) => !status.volumes.includes(name)),
      imagePullSecrets: listOf(spec.imagePullSecrets).filter(
        ({ name }) => name === undefined || !status.imagePullSecrets.includes(name),
      ),
    }),
  };
}

/** A status that says nothing must not get into the environment of the next proxy. */
function withoutStatus(pod: Pod): Pod {
  const { annotations } = pod.metadata;
  if (annotations?.[ANNOTATION.status] === undefined) return pod;
  return { ...pod, metadata: { ...pod.metadata, annotations: without(annotations, ANNOTATION.status) } };
}

/**
 * The ports at which the agent of an earlier injection may have answered: those that are kept from Envoy. None when its proxy says
 * what the user's annotations were.
 */
export function formerPorts({ metadata, spec }: Pod): readonly string[] {
  if (readStatus(metadata.annotations) === undefined) return [];
  const all = [...listOf(spec.initContainers), ...listOf(spec.containers)];
  const known = all.some(
    ({ name, env }) => name === PROXY && listOf(env).some((each) => each.name === SCRAPE_ENV),
  );
  return known ? [] : [...USUAL_PORTS, ...all.flatMap((each) => itemsOf(optionOf(each, '-d') ?? ''))];
}

/** What follows an option of istio-iptables. */
function optionOf(init: Container | undefined, flag: string): string | undefined {
  const args = [...listOf(init?.command), ...listOf(init?.args)];
  return args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined;
}

function overridden(overrides: unknown, member: string): readonly Container[] {
  const list = isObject(overrides) ? overrides[member] : undefined;
  return Array.isArray(list) ? list.filter((item) => isObject(item) && typeof item['name'] === 'string') : [];
}

/** A list that is empty now was most likely not there; `containers` has to be. One that nothing was taken from stays as it is. */
function lists(
  spec: PodSpec,
  status: InjectionStatus,
  changed: Readonly<
    Record<'initContainers' | 'containers' | 'volumes' | 'imagePullSecrets', readonly unknown[]>
  >,
): PodSpec {
  let result = spec;
  for (const name of ['initContainers', 'containers', 'volumes', 'imagePullSecrets'] as const) {
    const value = changed[name];
    if (value.length === 0 && status[name].length === 0) continue;
    result = list(result, name, value.length > 0 || name === 'containers' ? value : undefined);
  }
  return result;
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
  const option = (flag: string) => optionOf(before.init, flag);
  const isRedirection = (name: string, value: string): boolean => {
    if (name === ANNOTATION.includeInboundPorts) return value === before.ports;
    const flag = REDIRECT[name];
    if (flag === undefined) return false;
    return (
      before.init === undefined ||
      value === option(flag) ||
      (flag === '-d' && `15090,${value}` === option(flag))
    );
  };
  const entries = Object.entries(annotations).flatMap(([name, value]): [string, string][] => {
    if (name === ANNOTATION.status || name === ANNOTATION.overrides) return [];
    const was = written[name];
    if (compat === '1.5' && isRedirection(name, value)) return typeof was === 'string' ? [[name, was]] : [];
    if (compat === '1.5' && was === undefined && SCRAPE_ANNOTATIONS.includes(name)) return [];
    if (compat === '1.5' && injected[name] === value) return typeof was === 'string' ? [[name, was]] : [];
    return [[name, value]];
  });
  return Object.fromEntries(entries);
}
