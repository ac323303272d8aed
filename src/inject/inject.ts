/** Pod -> injected pod. Pure: the same pod and the same settings give the same result, and nothing that came in is changed. */
import { InputError } from '../platform/errors.ts';
import { ANNOTATION, checkAnnotations } from './annotations.ts';
import { itemsOf, parseJson, parseTruth } from './checks.ts';
import { type Fields, isObject, listOf, without } from './json.ts';
import {
  type Container,
  type EnvVar,
  type Metadata,
  type Owner,
  type Pod,
  type PodSpec,
  PROXY,
  podName,
  type StringMap,
  type VolumeMount,
} from './kubernetes.ts';
import { injectedLabels } from './labels.ts';
import { mergePatch } from './merge.ts';
import { type ProxyConfig, readProxyConfig } from './mesh.ts';
import type { SkipReason } from './policy.ts';
import { PROBERS, rewriteProbes } from './probes.ts';
import { mergeScrape, SCRAPE_ENV } from './prometheus.ts';
import { removeInjection } from './remove.ts';
import { type InjectionSettings, parseFile } from './settings.ts';
import { writeStatus } from './status.ts';
import {
  annotation,
  applicationContainers,
  applicationPorts,
  excludedInboundPorts,
  hasStatusPort,
  modeOf,
  type Overlay,
  statusPortOf,
  type TemplateInput,
  written,
} from './template/input.ts';
import { template15 } from './template/proxy-1.5.ts';
import { holds, template130 } from './template/proxy-1.30.ts';
import { renderSearch } from './values.ts';

export interface InjectionRequest {
  readonly pod: Pod;
  readonly owner: Owner;
  readonly settings: InjectionSettings;
  /** 1.5 did not do the same by both ways: annotations with the redirection in files, canonical labels by the webhook. */
  readonly via: 'file' | 'webhook';
  /** Environment of the proxy that the webhook's URL asks for, over everything else. */
  readonly proxyEnv?: StringMap;
}

export type Injection =
  | { readonly kind: 'injected'; readonly pod: Pod; readonly warnings: readonly string[] }
  | {
      readonly kind: 'skipped';
      readonly reason: SkipReason;
      readonly why: string;
      readonly warnings: readonly string[];
    };

const INIT_FIRST = ['istio-init', 'istio-validation', PROXY, 'enable-core-dump'];
const TOKEN_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Injects the sidecar into a pod, or says why not. An earlier injection is taken out first, so the result does not depend on it.
 * @throws InputError with everything that is wrong in the pod's annotations
 */
export function injectPod(request: InjectionRequest): Injection {
  const { settings, via, owner } = request;
  const { values, compat } = settings;
  const user = removeInjection(request.pod, values.webhook.injectedAnnotations);
  if (user.spec.hostNetwork === true) {
    return { kind: 'skipped', reason: 'host-network', why: 'it has host networking enabled', warnings: [] };
  }
  if (compat === '1.5' && listOf(user.spec.containers).some(({ name }) => name === PROXY)) {
    return {
      kind: 'skipped',
      reason: 'has-proxy',
      why: `it has injected "${PROXY}" sidecar already`,
      warnings: [],
    };
  }
  const input = templateInput(user, request);
  const warnings = [...input.warnings, ...dnsWarning(user, owner)];
  const overlay = compat === '1.5' ? template15(input) : template130(input);
  const bare = withoutNames(user, overlay);
  const pod = finish(
    applyPatches(assemble(bare, overlay, input, via, warnings), input, warnings),
    input,
    request,
    warnings,
  );
  const status = writeStatus(bare, pod, compat, settings.version, values.revision || 'default');
  return { kind: 'injected', pod: annotate(pod, { [ANNOTATION.status]: status }), warnings };
}

/** Annotations are checked, and the ProxyConfig for this pod put together; all problems come in one message. */
function templateInput(
  pod: Pod,
  { owner, settings }: InjectionRequest,
): TemplateInput & { readonly warnings: readonly string[] } {
  const { values, mesh, compat } = settings;
  const annotations = pod.metadata.annotations ?? {};
  const problems: string[] = [];
  let warnings: readonly string[] = [];
  try {
    warnings = checkAnnotations(annotations);
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    problems.push(...thrown.problems);
  }
  const proxy = proxyConfig(annotations, settings, problems);
  if (problems.length > 0) throw new InputError(problems);
  const own = annotations[ANNOTATION.nativeSidecar];
  const native = (own === undefined ? undefined : parseTruth(own)) ?? settings.nativeSidecars;
  return { pod, owner, values, mesh, proxy, compat, native, warnings };
}

function proxyConfig(
  annotations: StringMap,
  { mesh, compat }: InjectionSettings,
  problems: string[],
): ProxyConfig {
  const name = `annotation '${ANNOTATION.proxyConfig}'`;
  const text = annotations[ANNOTATION.proxyConfig];
  let own: Fields = {};
  try {
    const tree = parseFile(text, name) ?? {};
    if (isObject(tree)) own = tree;
    else problems.push(`${name}: expected a ProxyConfig, that is an object`);
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown;
    problems.push(...thrown.problems);
  }
  return readProxyConfig([mesh.proxyFields, own], compat, name, problems);
}

function dnsWarning({ metadata, spec }: Pod, owner: Owner): readonly string[] {
  const { dnsPolicy } = spec;
  if (!dnsPolicy || dnsPolicy === 'ClusterFirst') return [];
  const name = `${metadata.namespace || owner.namespace}/${podName(metadata, owner)}`;
  return [
    `"${name}"'s DNSPolicy is not "ClusterFirst". The Envoy sidecar may not able to connect to Istio Pilot`,
  ];
}

/**
 * The pod without the containers of its own that have the names of injected ones: they go into those, and come out of them again.
 */
function withoutNames(pod: Pod, overlay: Overlay): Pod {
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
function assemble(
  pod: Pod,
  overlay: Overlay,
  input: TemplateInput,
  via: InjectionRequest['via'],
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
  return annotate(
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
        containers: holdsApplication(input) ? proxyFirst(containers) : containers,
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

function holdsApplication(input: TemplateInput): boolean {
  return holds(input);
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

/** How traffic is redirected, for the CNI plug-in: by annotations. 1.5 writes them into every file. */
function redirection(input: TemplateInput, via: InjectionRequest['via']): StringMap {
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

function modernAnnotations({ compat, values, pod }: TemplateInput): StringMap {
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

/** The patches of the templates that the pod or the administrator names, one after the other. */
function applyPatches(pod: Pod, input: TemplateInput, warnings: string[]): Pod {
  const { templates, defaultTemplates } = input.values.webhook;
  const asked = written(input, 'templates');
  const names =
    asked !== undefined ? itemsOf(asked) : defaultTemplates.length > 0 ? defaultTemplates : ['sidecar'];
  const unknown = names.filter((name) => name !== 'sidecar' && templates[name] === undefined);
  if (unknown.length > 0) {
    const known = [...new Set(['sidecar', ...Object.keys(templates)])].sort().join(', ');
    throw new InputError(unknown.map((name) => `requested template "${name}" not found; have ${known}`));
  }
  if (!names.includes('sidecar'))
    warnings.push('the template "sidecar" is not asked for, and injected nevertheless');
  return names.reduce((patched, name) => {
    const { metadata, spec } = templates[name] ?? {};
    return {
      ...patched,
      metadata: mergePatch(patched.metadata, metadata ?? {}) as Metadata,
      spec: mergePatch(patched.spec, spec ?? {}) as PodSpec,
    };
  }, pod);
}

/** What depends on the whole pod: Prometheus, probes, the environment that the webhook's URL asks for. */
function finish(pod: Pod, input: TemplateInput, request: InjectionRequest, _warnings: string[]): Pod {
  const { values, mesh, compat } = input;
  const statusPort = hasStatusPort(input) ? Number(statusPortOf(input)) : 0;
  const annotations = { ...pod.metadata.annotations, ...values.webhook.injectedAnnotations };
  const scrape = mergeScrape(annotations, mesh.enablePrometheusMerge, statusPort);
  const asked = input.pod.metadata.annotations?.[ANNOTATION.rewriteProbes];
  const rewrite =
    statusPort > 0 &&
    ((asked === undefined ? undefined : parseTruth(asked)) ?? values.webhook.rewriteAppHTTPProbe);
  const inits = listOf(pod.spec.initContainers);
  const probes = rewrite ? rewriteProbes(listOf(pod.spec.containers), inits, statusPort, compat) : undefined;
  _warnings.push(...(probes?.warnings ?? []));
  const added: EnvVar[] = [
    ...(scrape?.env === undefined ? [] : [{ name: SCRAPE_ENV, value: scrape.env }]),
    ...(probes !== undefined && (compat === '1.5' || Object.keys(probes.probers).length > 0)
      ? [{ name: PROBERS, value: JSON.stringify(probes.probers) }]
      : []),
  ];
  const finished = (container: Container): Container =>
    container.name === PROXY
      ? { ...container, env: [...override(listOf(container.env), request.proxyEnv ?? {}), ...added] }
      : container;
  const network = request.proxyEnv?.['ISTIO_META_NETWORK'];
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: scrape?.annotations ?? annotations,
      ...(network === undefined || compat === '1.5'
        ? {}
        : { labels: { ...pod.metadata.labels, 'topology.istio.io/network': network } }),
    },
    spec: {
      ...pod.spec,
      ...(pod.spec.initContainers ? { initContainers: (probes?.initContainers ?? inits).map(finished) } : {}),
      containers: (probes?.containers ?? listOf(pod.spec.containers)).map(finished),
    },
  };
}

/** An environment with some variables replaced in their places, and others after it. */
function override(env: readonly EnvVar[], wanted: StringMap): readonly EnvVar[] {
  const names = Object.keys(wanted);
  if (names.length === 0) return env;
  const value = (name: string) => ({ name, value: wanted[name] ?? '' });
  const had = env.map(({ name }) => name);
  return [
    ...env.map((variable) => (names.includes(variable.name) ? value(variable.name) : variable)),
    ...names.filter((name) => !had.includes(name)).map(value),
  ];
}

function annotate(pod: Pod, annotations: StringMap): Pod {
  if (Object.keys(annotations).length === 0) return pod;
  const { metadata } = pod;
  return {
    ...pod,
    metadata: {
      ...without(metadata, 'annotations'),
      annotations: { ...metadata.annotations, ...annotations },
    },
  };
}
