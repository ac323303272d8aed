import type { HostPattern } from '../model/sidecar.ts';
import { error, type Field, items, originOf, text, warning } from './field.ts';
import { isLabel, wildcardProblem } from './names.ts';

/** The `hosts` of an egress listener; reports each that is wrong (injection-iptables-sidecar.md D.2). */
export function readHosts(field: Field): readonly HostPattern[] {
  const list = items(field);
  if (list.length === 0) error(field, 'at least one host is required, such as "./*" for the own namespace');
  const seen = new Set<string>();
  return list.flatMap((each) => {
    const written = text(each);
    if (written === undefined) return [];
    const pattern = readPattern(each, written);
    if (seen.has(written)) warning(each, `"${written}": is listed twice`);
    else if (written === '*/*' && list.length > 1) {
      warning(each, '"*/*": selects every host; the others beside it change nothing');
    }
    seen.add(written);
    return pattern ?? [];
  });
}

function readPattern(field: Field, written: string): HostPattern | undefined {
  const refuse = (reason: string): undefined => {
    error(field, `"${written}": ${reason}`);
  };
  const slash = written.indexOf('/');
  if (slash < 0)
    return refuse('write namespace/dnsName, such as "./*" or "*/reviews.default.svc.cluster.local"');
  const namespace = written.slice(0, slash);
  const dnsName = written.slice(slash + 1);
  if (namespace === '' || dnsName === '') return refuse('neither side of the slash may be empty');
  if (!['*', '.', '~'].includes(namespace) && !isLabel(namespace)) {
    return refuse(
      `"${namespace}" is not a namespace: write a name, "." for the own, "*" for any, "~" for none`,
    );
  }
  if (dnsName !== '*' && !dnsName.includes('.')) {
    return refuse(
      `"${dnsName}" is a short name: write it in full, such as ${dnsName}.default.svc.cluster.local`,
    );
  }
  const problem = wildcardProblem(dnsName);
  if (problem !== undefined) return refuse(problem);
  return { text: written, namespace, dnsName: dnsName.toLowerCase(), origin: originOf(field) };
}
