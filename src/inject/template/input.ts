import { dirname } from 'node:path';
import { ANNOTATION } from '../annotations.ts';
import { itemsOf, parseJson, parseTruth } from '../checks.ts';
import { defined, type Fields, isObject, listOf } from '../json.ts';
import type { Container, EnvVar, Owner, Pod, Volume, VolumeMount } from '../kubernetes.ts';
import { PROXY } from '../kubernetes.ts';
import type { InterceptionMode, Mesh, ProxyConfig } from '../mesh.ts';
import type { Compat, Values } from '../values.ts';

/** What a template makes containers from. */
export interface TemplateInput {
  /** The pod as its user wrote it: nothing of an earlier injection is in it. Its annotations have been checked. */
  readonly pod: Pod;
  readonly owner: Owner;
  readonly values: Values;
  readonly mesh: Mesh;
  readonly proxy: ProxyConfig;
  readonly compat: Compat;
  /** The proxy is to be an init container that goes on running. */
  readonly native: boolean;
}

/** 1.5 did not do the same by both ways: annotations with the redirection in files, canonical labels by the webhook. */
export type Via = 'file' | 'webhook';

/** What a pod gets. */
export interface Overlay {
  readonly initContainers: readonly Container[];
  readonly proxy: Container;
  readonly volumes: readonly Volume[];
}

type AnnotationName = keyof typeof ANNOTATION;

/** The value of an annotation; undefined where there is none. One that is empty counts. */
export function written({ pod }: TemplateInput, name: AnnotationName): string | undefined {
  return pod.metadata.annotations?.[ANNOTATION[name]];
}

/** The value of an annotation, or what holds without it. */
export function annotation(input: TemplateInput, name: AnnotationName, otherwise: string): string {
  return written(input, name) ?? otherwise;
}

export function modeOf(input: TemplateInput): InterceptionMode {
  return annotation(input, 'interceptionMode', input.proxy.interceptionMode) as InterceptionMode;
}

/** The agent's port, as a text; `0` and the empty text: none. */
export function statusPortOf(input: TemplateInput): string {
  const { proxy, values } = input;
  return annotation(input, 'statusPort', String(proxy.statusPort ?? values.proxy.statusPort));
}

export function hasStatusPort(input: TemplateInput): boolean {
  return Number(statusPortOf(input)) > 0;
}

export function isTrue(input: TemplateInput, name: AnnotationName, otherwise: boolean | string): boolean {
  return parseTruth(annotation(input, name, String(otherwise))) === true;
}

/** The ports that are not to be captured: those that somebody named, and the agent's own. */
export function excludedInboundPorts(input: TemplateInput): string {
  const list = annotation(input, 'excludeInboundPorts', input.values.proxy.excludeInboundPorts);
  const port = statusPortOf(input);
  const items = itemsOf(list);
  return !hasStatusPort(input) || items.includes(port) ? list : [...items, port].join(',');
}

/** The ports that the application says it listens on, UDP and SCTP left out. */
export function applicationPorts(containers: readonly Container[]): string {
  return containers
    .flatMap(({ ports }) => listOf(ports))
    .filter(({ protocol }) => protocol !== 'UDP' && protocol !== 'SCTP')
    .map(({ containerPort }) => containerPort)
    .join(',');
}

/** The image of the proxy, or of its init container when that has one of its own. */
export function imageOf(input: TemplateInput, name: string, mayAnnotate: boolean): string {
  const { values, proxy, compat } = input;
  const wanted = mayAnnotate ? annotation(input, 'proxyImage', name) : name;
  if (wanted.includes('/')) return wanted;
  const type = compat === '1.30' ? annotation(input, 'proxyImageType', proxy.imageType) : '';
  const suffix = type === '' || type === 'default' || values.tag.endsWith(`-${type}`) ? '' : `-${type}`;
  const base = name.includes('/') ? name : `${values.hub}/${name}:${values.tag}`;
  return `${base}${name.includes('/') ? '' : suffix}`;
}

export function resourcesOf(input: TemplateInput, otherwise: Fields): Fields {
  const { compat } = input;
  const requests = defined({ cpu: written(input, 'proxyCPU'), memory: written(input, 'proxyMemory') });
  const limits = defined({
    cpu: written(input, 'proxyCPULimit'),
    memory: written(input, 'proxyMemoryLimit'),
  });
  const given = (part: Fields) => Object.keys(part).length > 0;
  // 1.5 knows no limits in annotations, and takes them for nothing.
  if (!given(requests) && (compat === '1.5' || !given(limits))) return otherwise;
  return {
    ...(given(requests) ? { requests } : {}),
    ...(compat === '1.30' && given(limits) ? { limits } : {}),
  };
}

export function text(name: string, value: string): EnvVar {
  return { name, value };
}

export function fromField(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

/** Who the pod is. The first lines of the environment in both versions. */
export const IDENTITY: readonly EnvVar[] = [
  fromField('POD_NAME', 'metadata.name'),
  fromField('POD_NAMESPACE', 'metadata.namespace'),
  fromField('INSTANCE_IP', 'status.podIP'),
  fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
  fromField('HOST_IP', 'status.hostIP'),
];

/** The application's ports as the agent reads them, each port in a line of its own. */
export function podPorts({ pod }: TemplateInput): EnvVar {
  const lines = listOf(pod.spec.containers)
    .flatMap(({ ports }) => listOf(ports))
    .map(({ name, hostPort, containerPort, protocol, hostIP }, index) => {
      const port = JSON.stringify(
        defined({
          name: name || undefined,
          hostPort: hostPort || undefined,
          containerPort,
          protocol: protocol || undefined,
          hostIP: hostIP || undefined,
        }),
      );
      return `    ${index === 0 ? '' : ','}${port}`;
    });
  return text('ISTIO_META_POD_PORTS', ['[', ...lines, ']'].join('\n'));
}

/** Which workload this is, as the control plane names it. */
export function workload({ owner }: TemplateInput): readonly EnvVar[] {
  const { apiVersion, kind, name, namespace } = owner;
  if (name === '') return [];
  const path = `kubernetes://apis/${apiVersion}/namespaces/${namespace || 'default'}/${kind.toLowerCase()}s/${name}`;
  return [
    text('ISTIO_META_WORKLOAD_NAME', name),
    ...(apiVersion === '' ? [] : [text('ISTIO_META_OWNER', path)]),
  ];
}

export function bootstrapOverride(input: TemplateInput): readonly EnvVar[] {
  return written(input, 'bootstrapOverride') === undefined
    ? []
    : [text('ISTIO_BOOTSTRAP_OVERRIDE', '/etc/istio/custom-bootstrap/custom_bootstrap.json')];
}

export function datadogEnv(input: TemplateInput): readonly EnvVar[] {
  const json = written(input, 'datadogEnv');
  if (input.values.proxy.tracer !== 'datadog' || json === undefined) return [];
  return texts(parseJson(json));
}

export function proxyMetadata({ proxy }: TemplateInput): readonly EnvVar[] {
  return texts(proxy.proxyMetadata);
}

function texts(map: unknown): readonly EnvVar[] {
  return isObject(map)
    ? Object.keys(map)
        .sort()
        .map((name) => text(name, String(map[name])))
    : [];
}

export function readinessNumbers(input: TemplateInput): Fields {
  const { readinessInitialDelaySeconds, readinessPeriodSeconds, readinessFailureThreshold } =
    input.values.proxy;
  const initialDelaySeconds = Number(
    annotation(input, 'initialDelaySeconds', String(readinessInitialDelaySeconds)),
  );
  return {
    ...(initialDelaySeconds > 0 ? { initialDelaySeconds } : {}),
    periodSeconds: Number(annotation(input, 'periodSeconds', String(readinessPeriodSeconds))),
    failureThreshold: Number(annotation(input, 'failureThreshold', String(readinessFailureThreshold))),
  };
}

/** Rights of the proxy: none, but for what TPROXY and ports below 1024 need. */
export function proxySecurity(input: TemplateInput): Fields {
  const { values, compat } = input;
  const tproxy = modeOf(input) === 'TPROXY';
  const bind = isTrue(input, 'capNetBindService', values.proxy.capNetBindService);
  const core =
    compat === '1.30'
      ? isTrue(input, 'enableCoreDump', values.proxy.enableCoreDump)
      : values.proxy.enableCoreDump;
  const add = [...(tproxy ? ['NET_ADMIN'] : []), ...(bind ? ['NET_BIND_SERVICE'] : [])];
  const root = add.length > 0;
  return {
    allowPrivilegeEscalation: values.proxy.privileged,
    capabilities: { ...(root ? { add } : {}), drop: ['ALL'] },
    privileged: values.proxy.privileged,
    readOnlyRootFilesystem: !core,
    runAsGroup: 1337,
    runAsNonRoot: !root,
    runAsUser: root ? 0 : 1337,
  };
}

/** Where lightstep's root certificate is mounted; undefined when it is not. */
export function lightstepFolder({ values, proxy }: TemplateInput): string | undefined {
  if (values.proxy.tracer !== 'lightstep') return undefined;
  const { lightstep, tlsSettings } = proxy.tracing;
  const path =
    isObject(lightstep) && typeof lightstep['cacertPath'] === 'string'
      ? lightstep['cacertPath']
      : isObject(tlsSettings) && typeof tlsSettings['caCertificates'] === 'string'
        ? tlsSettings['caCertificates']
        : values.proxy.lightstepCacertPath;
  return path === '' ? undefined : dirname(path);
}

/** What the user asks for by `userVolume` and `userVolumeMount`, by name. */
export function userVolumes(input: TemplateInput): readonly Volume[] {
  return named<Volume>(written(input, 'userVolume'));
}

export function userVolumeMounts(input: TemplateInput): readonly VolumeMount[] {
  return named<VolumeMount>(written(input, 'userVolumeMount'));
}

function named<T extends { readonly name: string }>(json: string | undefined): readonly T[] {
  const tree = json === undefined ? undefined : parseJson(json);
  if (!isObject(tree)) return [];
  return Object.keys(tree)
    .sort()
    .map((name) => ({ name, ...(tree[name] as Fields) }) as unknown as T);
}

/** The containers that are the application's. */
export function applicationContainers(pod: Pod): readonly Container[] {
  return listOf(pod.spec.containers).filter(({ name }) => name !== PROXY);
}
