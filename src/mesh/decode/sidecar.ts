import {
  ALL_EGRESS,
  type EgressProxy,
  type OutboundTrafficPolicy,
  type SidecarSpec,
} from '../model/sidecar.ts';
import { type Metadata, readPort } from './common.ts';
import {
  child,
  descend,
  entries,
  error,
  type Field,
  isGiven,
  isObject,
  items,
  oneOf,
  requiredText,
  text,
  textMap,
  warning,
  warnOfOthers,
} from './field.ts';
import { isLabel, wildcardProblem } from './names.ts';
import { readEgress, readIngress } from './sidecar-listeners.ts';

const KNOWN = new Set(['workloadSelector', 'ingress', 'egress', 'outboundTrafficPolicy']);

/**
 * Istio's `Sidecar`, checked by the rules of injection-iptables-sidecar.md D.2, those of 1.30 where the versions differ.
 * Reports everything that is wrong with it.
 */
export function decodeSidecar(top: Field, metadata: Metadata): SidecarSpec | undefined {
  const spec = child(top, 'spec');
  if (isGiven(spec) && !isObject(spec)) return undefined;
  if (Object.keys(Object(spec.value ?? {})).length === 0) {
    error(spec, 'is empty: write at least one of workloadSelector, ingress, egress, outboundTrafficPolicy');
    return undefined;
  }
  warnOfOthers(spec, KNOWN);
  const { name, namespace, created, origin } = metadata;
  const egress = readEgress(child(spec, 'egress'));
  return {
    name,
    namespace,
    created,
    origin,
    selector: readSelector(child(spec, 'workloadSelector')),
    ingress: readIngress(child(spec, 'ingress')),
    egress: items(child(spec, 'egress')).length === 0 ? [ALL_EGRESS] : egress,
    outboundTrafficPolicy: readPolicy(child(spec, 'outboundTrafficPolicy')),
  };
}

function readSelector(field: Field): Readonly<Record<string, string>> | undefined {
  if (!isObject(field)) return undefined;
  warnOfOthers(field, new Set(['labels']));
  const labels = child(field, 'labels');
  if (entries(labels).length === 0) {
    warning(field, 'without labels it is for every workload of the namespace; remove it, or name labels');
  }
  for (const entry of entries(labels)) {
    const [name, value] = [String(entry.key), String(entry.value ?? '')];
    if (name === '') error(entry, 'a label has no name');
    else if (`${name}${value}`.includes('*'))
      error(entry, `"${name}: ${value}": "*" has no meaning in labels`);
  }
  return textMap(labels);
}

function readPolicy(field: Field): OutboundTrafficPolicy | undefined {
  if (!isObject(field)) return undefined;
  warnOfOthers(field, new Set(['mode', 'egressProxy']));
  // The zero value of the enumeration: an empty policy is a strict one.
  const mode = oneOf(child(field, 'mode'), ['REGISTRY_ONLY', 'ALLOW_ANY'] as const) ?? 'REGISTRY_ONLY';
  const proxy = child(field, 'egressProxy');
  if (isGiven(proxy) && mode !== 'ALLOW_ANY') {
    error(proxy, 'has a meaning with mode ALLOW_ANY only: there is no unknown traffic in REGISTRY_ONLY');
  }
  return { mode, egressProxy: isObject(proxy) ? readEgressProxy(proxy) : undefined };
}

function readEgressProxy(field: Field): EgressProxy | undefined {
  warnOfOthers(field, new Set(['host', 'subset', 'port']));
  const host = requiredText(child(field, 'host'), 'a host');
  const problem = host === undefined ? undefined : wildcardProblem(host);
  if (problem !== undefined) error(child(field, 'host'), `"${host}": ${problem}`);
  const subset = text(child(field, 'subset')) ?? '';
  if (subset !== '' && !isLabel(subset)) {
    error(child(field, 'subset'), `"${subset}": write 1 to 63 letters, digits and inner dashes`);
  }
  const port = readPort(descend(field, 'port', 'number'), true);
  return host === undefined || port === undefined ? undefined : { host, port, subset };
}
