/** The annotations that an injected pod gets beside its status. */
import { ANNOTATION } from './annotations.ts';
import { itemsOf, parseJson } from './checks.ts';
import { isObject, listOf } from './json.ts';
import type { StringMap } from './kubernetes.ts';
import {
  annotation,
  applicationContainers,
  applicationPorts,
  excludedInboundPorts,
  modeOf,
  type TemplateInput,
  type Via,
  written,
} from './template/input.ts';

/** How traffic is redirected, for the CNI plug-in: by annotations. 1.5 writes them into every file. */
export function redirection(input: TemplateInput, via: Via): StringMap {
  const { values, compat, pod } = input;
  if (compat === '1.5' ? via === 'webhook' : !values.cni.enabled) return {};
  const { proxy } = values;
  const inboundPorts =
    compat === '1.5' ? applicationPorts(listOf(pod.spec.containers)) : proxy.includeInboundPorts;
  const modern = compat === '1.30';
  const all: Readonly<Record<string, string | undefined>> = {
    [ANNOTATION.interceptionMode]: modeOf(input),
    [ANNOTATION.includeOutboundIPRanges]: annotation(input, 'includeOutboundIPRanges', proxy.includeIPRanges),
    [ANNOTATION.excludeOutboundIPRanges]: annotation(input, 'excludeOutboundIPRanges', proxy.excludeIPRanges),
    [ANNOTATION.includeInboundPorts]: annotation(input, 'includeInboundPorts', inboundPorts),
    [ANNOTATION.excludeInboundPorts]: excludedInboundPorts(input),
    [ANNOTATION.excludeOutboundPorts]: annotation(input, 'excludeOutboundPorts', proxy.excludeOutboundPorts),
    [ANNOTATION.kubevirtInterfaces]: written(input, 'kubevirtInterfaces'),
    ...(modern
      ? {
          [ANNOTATION.includeOutboundPorts]: annotation(
            input,
            'includeOutboundPorts',
            proxy.includeOutboundPorts,
          ),
          [ANNOTATION.excludeInterfaces]: written(input, 'excludeInterfaces'),
          ...(values.cni.chained ? {} : { [ANNOTATION.networks]: networks(written(input, 'networks')) }),
        }
      : {}),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value)) as StringMap;
}

/** The networks that multus gives the pod, with the one of the CNI plug-in: a list of names, or JSON. */
function networks(given: string | undefined): string {
  const name = 'istio-cni';
  if (given === undefined || given.trim() === '') return name;
  const tree = given.trim().startsWith('[') ? parseJson(given) : undefined;
  if (Array.isArray(tree)) {
    const there = tree.some((network) => isObject(network) && network['name'] === name);
    return there ? given : JSON.stringify([...tree, { name }]);
  }
  return itemsOf(given).includes(name) ? given : `${given}, ${name}`;
}

export function modernAnnotations({ compat, values, pod }: TemplateInput): StringMap {
  if (compat === '1.5') return {};
  const [first] = applicationContainers(pod);
  const present = pod.metadata.annotations ?? {};
  const defaults = [
    'kubectl.kubernetes.io/default-logs-container',
    'kubectl.kubernetes.io/default-container',
  ];
  return {
    'istio.io/rev': values.revision || 'default',
    ...(first === undefined
      ? {}
      : Object.fromEntries(defaults.map((name) => [name, present[name] ?? first.name]))),
  };
}
