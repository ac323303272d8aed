/**
 * The parts of a Pod that injection reads or writes. Everything else of it is passed on untouched, so all types are open. Lists
 * and maps may be null, as they are in the JSON that Go programs write.
 */
import type { Fields } from './json.ts';

export type StringMap = Readonly<Record<string, string>>;

export interface Metadata {
  readonly name?: string | null;
  readonly generateName?: string | null;
  readonly namespace?: string | null;
  readonly labels?: StringMap | null;
  readonly annotations?: StringMap | null;
  readonly ownerReferences?: readonly OwnerReference[] | null;
  readonly [field: string]: unknown;
}

export interface OwnerReference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly controller?: boolean;
  readonly [field: string]: unknown;
}

export interface Pod {
  readonly metadata: Metadata;
  readonly spec: PodSpec;
  readonly [field: string]: unknown;
}

export interface PodSpec {
  readonly hostNetwork?: boolean | null;
  readonly serviceAccountName?: string | null;
  readonly dnsPolicy?: string | null;
  readonly initContainers?: readonly Container[] | null;
  readonly containers?: readonly Container[] | null;
  readonly volumes?: readonly Volume[] | null;
  readonly imagePullSecrets?: readonly LocalReference[] | null;
  readonly dnsConfig?: DnsConfig | null;
  readonly securityContext?: Fields | null;
  readonly [field: string]: unknown;
}

export interface DnsConfig {
  readonly searches?: readonly string[] | null;
  readonly [field: string]: unknown;
}

export interface LocalReference {
  readonly name?: string;
  readonly [field: string]: unknown;
}

export interface Volume {
  readonly name: string;
  readonly [field: string]: unknown;
}

export interface VolumeMount {
  readonly name: string;
  readonly mountPath: string;
  readonly [field: string]: unknown;
}

export interface EnvVar {
  readonly name: string;
  readonly value?: string | null;
  readonly valueFrom?: Fields | null;
}

export interface ContainerPort {
  readonly name?: string | null;
  readonly hostPort?: number | null;
  readonly containerPort: number;
  readonly protocol?: string | null;
  readonly hostIP?: string | null;
  readonly [field: string]: unknown;
}

export interface Resources {
  readonly limits?: Readonly<Record<string, string | number>> | null;
  readonly requests?: Readonly<Record<string, string | number>> | null;
  readonly [field: string]: unknown;
}

export interface Container {
  readonly name: string;
  readonly image?: string | null;
  readonly command?: readonly string[] | null;
  readonly args?: readonly string[] | null;
  readonly env?: readonly EnvVar[] | null;
  readonly ports?: readonly ContainerPort[] | null;
  readonly resources?: Resources | null;
  readonly volumeMounts?: readonly VolumeMount[] | null;
  readonly securityContext?: Fields | null;
  readonly readinessProbe?: Probe | null;
  readonly livenessProbe?: Probe | null;
  readonly startupProbe?: Probe | null;
  readonly lifecycle?: Lifecycle | null;
  readonly [field: string]: unknown;
}

/** What a probe or a lifecycle hook does. */
export interface Action {
  readonly httpGet?: HttpGet | null;
  readonly tcpSocket?: { readonly port: Port; readonly host?: string | null } | null;
  readonly grpc?: { readonly port: Port; readonly service?: string | null } | null;
  readonly [field: string]: unknown;
}

export interface Probe extends Action {
  readonly timeoutSeconds?: number | null;
}

export interface Lifecycle {
  readonly postStart?: Action | null;
  readonly preStop?: Action | null;
  readonly [field: string]: unknown;
}

/** A number, or the name of one of the container's ports. */
export type Port = number | string;

export interface HttpGet {
  readonly path?: string | null;
  readonly port: Port;
  readonly host?: string | null;
  readonly scheme?: string | null;
  readonly httpHeaders?: readonly { readonly name: string; readonly value: string }[] | null;
  readonly [field: string]: unknown;
}

/** The outermost object that a Pod comes from, and its type: a Deployment, or the Pod itself. */
export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Empty when nothing says it. */
  readonly namespace: string;
}

export const PROXY = 'istio-proxy';
export const PROXY_UID = 1337;

/** The name of a Pod for messages. */
export function podName({ name, generateName }: Metadata, owner?: Owner): string {
  return name || (generateName ? `${generateName}***` : '') || owner?.name || 'a pod without a name';
}

/** The pod with more annotations; what it has of them already is replaced. */
export function withAnnotations(pod: Pod, annotations: StringMap): Pod {
  if (Object.keys(annotations).length === 0) return pod;
  const { metadata } = pod;
  return { ...pod, metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } } };
}
