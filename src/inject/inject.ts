/** Pod -> injected pod. Pure: the same pod and the same settings give the same result, and nothing that came in is changed. */
import { InputError } from '../platform/errors.ts';
import { ANNOTATION, checkAnnotations } from './annotations.ts';
import { assemble, withoutNames } from './assemble.ts';
import { parseTruth } from './checks.ts';
import { finish } from './finish.ts';
import { type Fields, isObject, listOf } from './json.ts';
import { type Owner, type Pod, PROXY, podName, type StringMap, withAnnotations } from './kubernetes.ts';
import { type ProxyConfig, readProxyConfig } from './mesh.ts';
import { applyPatches } from './patches.ts';
import type { SkipReason } from './policy.ts';
import { formerPorts, removeInjection } from './remove.ts';
import { type InjectionSettings, parseFile } from './settings.ts';
import { writeStatus } from './status.ts';
import type { TemplateInput, Via } from './template/input.ts';
import { template15 } from './template/proxy-1.5.ts';
import { template130 } from './template/proxy-1.30.ts';

export interface InjectionRequest {
  readonly pod: Pod;
  readonly owner: Owner;
  readonly settings: InjectionSettings;
  readonly via: Via;
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
    request.proxyEnv ?? {},
    formerPorts(request.pod),
    warnings,
  );
  const status = writeStatus(bare, pod, compat, settings.version, values.revision || 'default');
  return { kind: 'injected', pod: withAnnotations(pod, { [ANNOTATION.status]: status }), warnings };
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
