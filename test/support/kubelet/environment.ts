import type { Container, EnvVar, Pod } from '../../../src/inject/kubernetes.ts';
import { parseQuantity } from '../../../src/inject/quantity.ts';

/** What a node knows of a pod that it runs. */
export interface PodStatus {
  readonly podIP: string;
  readonly hostIP: string;
  readonly nodeName: string;
  /** What counts where a container has no limit. */
  readonly allocatable: Readonly<Record<'cpu' | 'memory', string>>;
}

/**
 * The environment of a container as kubelet makes it: in order, with references resolved.
 * @throws Error for what kubelet would refuse
 */
export function environmentOf(
  container: Container,
  pod: Pod,
  status: PodStatus,
): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const entry of container.env ?? []) env[entry.name] = resolve(entry, env, container, pod, status);
  return env;
}

/** `$(NAME)` of what is defined; `$$(NAME)` is `$(NAME)`. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (env[name] ?? whole),
  );
}

function resolve(
  { name, value, valueFrom }: EnvVar,
  env: Readonly<Record<string, string>>,
  container: Container,
  pod: Pod,
  status: PodStatus,
): string {
  if (valueFrom === undefined || valueFrom === null) return expand(value ?? '', env);
  const { fieldRef, resourceFieldRef } = valueFrom as {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly resourceFieldRef?: { readonly resource: string; readonly divisor?: string };
  };
  if (fieldRef) return fieldOf(fieldRef.fieldPath, pod, status);
  if (resourceFieldRef) return limitOf(resourceFieldRef, container, status);
  throw new Error(`${name}: this kubelet does not know ${JSON.stringify(valueFrom)}`);
}

/** A field of the pod. @throws Error for one that kubelet does not give */
export function fieldOf(path: string, { metadata, spec }: Pod, status: PodStatus): string {
  switch (path) {
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.labels':
      return lines(metadata.labels);
    case 'metadata.annotations':
      return lines(metadata.annotations);
    case 'spec.serviceAccountName':
      return spec.serviceAccountName || 'default';
    case 'spec.nodeName':
      return status.nodeName;
    case 'status.podIP':
      return status.podIP;
    case 'status.hostIP':
      return status.hostIP;
    default:
      throw new Error(`there is no field ${path}`);
  }
}

/** A map as a file of the downward API: `key="value"`, quoted as Go does it. */
function lines(map: Readonly<Record<string, string>> | null | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

function limitOf(
  { resource, divisor = '1' }: { readonly resource: string; readonly divisor?: string },
  { resources }: Container,
  { allocatable }: PodStatus,
): string {
  const [kind, name] = resource.split('.') as ['limits' | 'requests', 'cpu' | 'memory'];
  const quantity = parseQuantity(String(resources?.[kind]?.[name] ?? allocatable[name]));
  if (quantity === undefined) throw new Error(`${resource} is no quantity`);
  return String(Math.ceil(quantity / (parseQuantity(divisor) ?? 1)));
}
