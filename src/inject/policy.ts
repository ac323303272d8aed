import type { Metadata, PodSpec, StringMap } from './kubernetes.ts';
import { type LabelSelector, matches } from './selectors.ts';
import { type Compat, IGNORED_NAMESPACES } from './values.ts';

/** What an administrator has decided about injection. */
export interface Policy {
  /** `enabled` or `disabled`; anything else counts as disabled, with a warning. */
  readonly policy: string;
  readonly neverInjectSelector: readonly LabelSelector[];
  readonly alwaysInjectSelector: readonly LabelSelector[];
}

export type SkipReason =
  | 'host-network'
  | 'ignored-namespace'
  | 'pod-says-no'
  | 'never-selector'
  | 'policy'
  | 'has-proxy';

export type Decision = {
  readonly warnings: readonly string[];
} & (
  | { readonly inject: true }
  | { readonly inject: false; readonly reason: SkipReason; readonly why: string }
);

export const INJECT = 'sidecar.istio.io/inject';
const YES: readonly string[] = ['y', 'yes', 'true', 'on'];

/**
 * Whether the webhook injects a pod (injection-iptables-sidecar.md B.3): the first of these that says something decides: host
 * network, namespace, the pod's own word, never, always, policy.
 */
export function decide(
  pod: { readonly metadata: Metadata; readonly spec: PodSpec },
  namespace: string,
  { policy, neverInjectSelector, alwaysInjectSelector }: Policy,
  compat: Compat,
): Decision {
  const warnings: string[] = [];
  const skip = (reason: SkipReason, why: string): Decision => ({ inject: false, reason, why, warnings });
  const labels = pod.metadata.labels ?? {};
  if (pod.spec.hostNetwork === true) return skip('host-network', 'it has host networking enabled');
  if (IGNORED_NAMESPACES[compat].includes(namespace)) {
    return skip('ignored-namespace', `nothing is injected in namespace ${namespace}`);
  }
  const word = ownWord(pod.metadata, compat, warnings);
  if (word.inject === true) {
    return isPolicy(policy, warnings) ? { inject: true, warnings } : skip('policy', illegal(policy));
  }
  if (word.inject === false) return skip('pod-says-no', `its ${word.where} says so`);
  if (matchesOne(neverInjectSelector, labels, 'neverInjectSelector', warnings)) {
    return skip('never-selector', 'a neverInjectSelector matches its labels');
  }
  if (!isPolicy(policy, warnings)) return skip('policy', illegal(policy));
  if (matchesOne(alwaysInjectSelector, labels, 'alwaysInjectSelector', warnings)) {
    return { inject: true, warnings };
  }
  return policy === 'enabled'
    ? { inject: true, warnings }
    : skip('policy', 'the injection policy is "disabled" and the pod does not ask for a sidecar');
}

/** What the pod itself says, by `sidecar.istio.io/inject`. */
export function ownWord(
  { labels, annotations }: Metadata,
  compat: Compat,
  warnings: string[],
): { readonly inject: boolean | undefined; readonly where: string } {
  const label = labels?.[INJECT];
  const where = compat === '1.30' && label !== undefined ? 'label' : 'annotation';
  const value = where === 'label' ? label : annotations?.[INJECT];
  const named = { where: `${where} ${INJECT}: "${value}"` };
  if (value === undefined || value === '') return { inject: undefined, ...named };
  if (compat === '1.5') return { inject: YES.includes(value.toLowerCase()), ...named };
  if (value === 'true' || value === 'false') return { inject: value === 'true', ...named };
  warnings.push(
    `Invalid value for ${INJECT}: "${value}". Only 'true' and 'false' are accepted. Falling back to default injection policy.`,
  );
  return { inject: undefined, ...named };
}

function matchesOne(
  selectors: readonly LabelSelector[],
  labels: StringMap,
  name: string,
  warnings: string[],
): boolean {
  let found = false;
  for (const selector of selectors) {
    const match = matches(selector, labels);
    if (match === undefined) warnings.push(`${name}: invalid, ignored: ${JSON.stringify(selector)}`);
    if (match === true) found = true;
  }
  return found;
}

function isPolicy(policy: string, warnings: string[]): boolean {
  if (policy === 'enabled' || policy === 'disabled') return true;
  warnings.push(illegal(policy));
  return false;
}

function illegal(policy: string): string {
  return `Illegal value for autoInject:${policy}, must be one of [disabled,enabled]. Auto injection disabled!`;
}
