/** Which Sidecar is for a workload (injection-iptables-sidecar.md D.3, the order of 1.30). */
import { describeOrigin } from '../model/origin.ts';
import type { SidecarSpec } from '../model/sidecar.ts';
import { selects, type Workload } from '../model/workload.ts';
import type { SidecarChoice } from './view.ts';

export interface Selection {
  readonly choice: SidecarChoice;
  /** About others that are for the same workload, for people. */
  readonly notes: readonly string[];
}

/**
 * Chooses among the Sidecars: one with a selector over one of the namespace over one of the root namespace over the
 * built-in default. Of several the oldest wins, then the first by name.
 * @param sidecars sorted by age and name, as the model has them
 */
export function selectSidecar(
  sidecars: readonly SidecarSpec[],
  rootNamespace: string,
  { namespace, labels }: Pick<Workload, 'namespace' | 'labels'>,
): Selection {
  const own = sidecars.filter((each) => each.namespace === namespace);
  const selecting = own.filter(({ selector }) => selector !== undefined && selects(selector, labels));
  const general = own.filter(({ selector }) => selector === undefined);
  const root =
    namespace === rootNamespace
      ? []
      : sidecars.filter((each) => each.namespace === rootNamespace && each.selector === undefined);
  const candidates = [
    { kind: 'selector', list: selecting },
    { kind: 'namespace', list: general },
    { kind: 'root-namespace', list: root },
  ] as const;
  for (const { kind, list } of candidates) {
    const [sidecar, ...others] = list;
    if (sidecar === undefined) continue;
    return { choice: { kind, sidecar }, notes: others.map((other) => conflict(sidecar, other)) };
  }
  return { choice: { kind: 'built-in' }, notes: [] };
}

function conflict(chosen: SidecarSpec, other: SidecarSpec): string {
  const why = chosen.created === other.created ? 'comes first by name' : 'is older';
  return (
    `Sidecar ${other.namespace}/${other.name} (${describeOrigin(other.origin)}) is for this workload too, and has no effect: ` +
    `${chosen.namespace}/${chosen.name} (${describeOrigin(chosen.origin)}) ${why}`
  );
}
