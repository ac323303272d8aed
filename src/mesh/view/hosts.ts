/** Which services a host pattern means (injection-iptables-sidecar.md D.4). */
import type { Service } from '../model/service.ts';
import type { HostPattern } from '../model/sidecar.ts';

/** Whether the sidecars of a namespace may see a service at all. */
export function isExportedTo({ exportTo, namespace: own }: Service, namespace: string): boolean {
  return exportTo.some((to) => to === '*' || to === namespace || (to === '.' && own === namespace));
}

/** @param own the namespace of the workload, which `.` means */
export function matchesPattern({ namespace, dnsName }: HostPattern, service: Service, own: string): boolean {
  if (namespace === '~') return false;
  const wanted = namespace === '.' ? own : namespace;
  return (wanted === '*' || wanted === service.namespace) && hostMatches(dnsName, service.hostname);
}

/**
 * Whether two names, each of which may begin with `*`, have a name in common: equal ones, a name with the ending of a
 * pattern, two patterns of which one's ending ends with the other's.
 */
export function hostMatches(a: string, b: string): boolean {
  const [wildA, wildB] = [a.startsWith('*'), b.startsWith('*')];
  if (wildA && wildB) return a.slice(1).endsWith(b.slice(1)) || b.slice(1).endsWith(a.slice(1));
  if (wildA) return b.endsWith(a.slice(1));
  return wildB ? a.endsWith(b.slice(1)) : a === b;
}
