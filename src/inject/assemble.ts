/** Puts what the template gives into a pod: containers, volumes, labels, each in its place. */
import { ANNOTATION } from './annotations.ts';
import { listOf } from './json.ts';
import {
  type Container,
  type Pod,
  type PodSpec,
  PROXY,
  type VolumeMount,
  withAnnotations,
} from './kubernetes.ts';
import { injectedLabels } from './labels.ts';
import { mergePatch } from './merge.ts';
import { modernAnnotations, redirection } from './redirection.ts';
import type { Overlay, TemplateInput, Via } from './template/input.ts';
import { holds } from './template/proxy-1.30.ts';
import { renderSearch } from './values.ts';

const INIT_FIRST = ['istio-init', 'istio-validation', PROXY, 'enable-core-dump'];
const TOKEN_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The pod without the containers of its own that have the names of injected ones: they go into those, and come out of them again.
 */
export function withoutNames(pod: Pod, overlay: Overlay): Pod {
  const names = overlayNames(overlay);
  const { initContainers, containers } = pod.spec;
  const taken = [...listOf(initContainers), ...listOf(containers)].some(({ name }) => names.has(name));
  if (!taken) return pod;
  const others = (list: readonly Container[]) => list.filter(({ name }) => !names.has(name));
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(initContainers ? { initContainers: others(initContainers) } : {}),
      ...(containers ? { containers: others(containers) } : {}),
    },
  };
}

function overlayNames({ initContainers, proxy }: Overlay): ReadonlySet<string> {
  return new Set([...initContainers.map(({ name }) => name), proxy.name]);
}

/** Puts what the template gives into the pod. */
export function assemble(
  pod: Pod,
  overlay: Overlay,
  input: TemplateInput,
  via: Via,
  warnings: string[],
): Pod {
  const { values, mesh, compat, native, owner } = input;
  const { spec } = pod;
  const names = overlayNames(overlay);
  const own = (list: readonly Container[] | null | undefined) =>
    listOf(list).filter(({ name }) => names.has(name));
  const ownContainers = own(input.pod.spec.containers);
  const ownInits = own(input.pod.spec.initContainers);
  const merged = (container: Container): Container => {
    const change = [...ownContainers, ...ownInits].find(({ name }) => name === container.name);
    if (change === undefined) return container;
    const { image, ...rest } = change;
    return mergePatch(container, image === 'auto' ? rest : change) as Container;
  };
  const base = merged(overlay.proxy);
  const proxy: Container = {
    ...base,
    ...(native ? { restartPolicy: 'Always' } : {}),
    volumeMounts: [...listOf(base.volumeMounts), ...serviceAccountMount(pod, base)],
  };
  const inits = overlay.initContainers.map(merged);
  const overrides =
    ownContainers.length + ownInits.length === 0
      ? {}
      : {
          [ANNOTATION.overrides]: JSON.stringify({
            ...(ownContainers.length === 0 ? {} : { containers: ownContainers }),
            ...(ownInits.length === 0 ? {} : { initContainers: ownInits }),
          }),
        };
  const kept = new Set(listOf(spec.volumes).map(({ name }) => name));
  const volumes = overlay.volumes.filter(({ name }) => {
    if (kept.has(name))
      warnings.push(`volume "${name}": the pod has one of that name, which is used instead`);
    return !kept.has(name);
  });
  const secrets = new Set(listOf(spec.imagePullSecrets).map(({ name }) => name));
  const pullSecrets = values.imagePullSecrets.filter((name) => !secrets.has(name)).map((name) => ({ name }));
  const allInits = [...listOf(spec.initContainers), ...inits, ...(native ? [proxy] : [])];
  const containers = [...listOf(spec.containers), ...(native ? [] : [proxy])];
  const network = values.network;
  return withAnnotations(
    {
      ...pod,
      metadata: {
        ...pod.metadata,
        labels: injectedLabels(
          pod.metadata.labels ?? {},
          owner,
          compat === '1.30' || via === 'webhook',
          compat === '1.30' ? network : '',
        ),
      },
      spec: {
        ...spec,
        ...(allInits.length === 0 ? {} : { initContainers: orderInits(allInits, native, compat === '1.30') }),
        containers: holds(input) ? proxyFirst(containers) : containers,
        ...(volumes.length === 0 ? {} : { volumes: [...listOf(spec.volumes), ...volumes] }),
        ...(pullSecrets.length === 0
          ? {}
          : { imagePullSecrets: [...listOf(spec.imagePullSecrets), ...pullSecrets] }),
        ...dnsConfig(spec, input),
        ...(mesh.sdsUdsPath === '' || compat === '1.30'
          ? {}
          : { securityContext: { fsGroup: 1337, ...spec.securityContext } }),
      },
    },
    { ...overrides, ...redirection(input, via), ...modernAnnotations(input) },
  );
}

/** What the application mounts of its service account, the proxy needs too. */
function serviceAccountMount({ spec }: Pod, proxy: Container): readonly VolumeMount[] {
  if (listOf(proxy.volumeMounts).some(({ mountPath }) => mountPath === TOKEN_FOLDER)) return [];
  const mount = listOf(spec.containers)
    .flatMap(({ volumeMounts }) => listOf(volumeMounts))
    .find(({ mountPath }) => mountPath === TOKEN_FOLDER);
  return mount === undefined ? [] : [mount];
}

function proxyFirst(containers: readonly Container[]): readonly Container[] {
  return [
    ...containers.filter(({ name }) => name === PROXY),
    ...containers.filter(({ name }) => name !== PROXY),
  ];
}

/** Native: before all others, for they may need the network. Otherwise 1.30 checks the CNI plug-in first; iptables come last. */
function orderInits(list: readonly Container[], native: boolean, modern: boolean): readonly Container[] {
  if (native) {
    const first = INIT_FIRST.flatMap((name) => list.filter((container) => container.name === name));
    return [...first, ...list.filter(({ name }) => !INIT_FIRST.includes(name))];
  }
  if (!modern) return list;
  const validation = list.filter(({ name }) => name === 'istio-validation');
  return [...validation, ...list.filter(({ name }) => name !== 'istio-validation')];
}

/** Search domains come after the pod's own. */
function dnsConfig(spec: PodSpec, { values, owner }: TemplateInput): Pick<PodSpec, 'dnsConfig'> {
  const had = listOf(spec.dnsConfig?.searches);
  const added = values.podDNSSearchNamespaces
    .map((entry) => renderSearch(entry, owner.namespace))
    .filter((entry) => !had.includes(entry));
  return added.length === 0 ? {} : { dnsConfig: { ...spec.dnsConfig, searches: [...had, ...added] } };
}
