import type { WorkloadRecord } from '../decode/records.ts';
import { selects } from '../model/workload.ts';

/** Workloads by what others refer to them with. */
export interface WorkloadIndex {
  readonly byName: (name: string) => WorkloadRecord | undefined;
  /** Undefined also where several share the address, as on one machine. */
  readonly byAddress: (namespace: string, address: string) => WorkloadRecord | undefined;
  /** Those of a namespace with all of these labels, sorted by name; none for an empty selector. */
  readonly select: (namespace: string, labels: Readonly<Record<string, string>>) => readonly WorkloadRecord[];
}

/** An index in which selecting looks at the workloads that have the rarest of the labels, and not at all. */
export function indexWorkloads(records: readonly WorkloadRecord[]): WorkloadIndex {
  const names = new Map<string, WorkloadRecord>();
  const addresses = new Map<string, WorkloadRecord | undefined>();
  const labelled = new Map<string, WorkloadRecord[]>();
  const sorted = [...records].sort((a, b) => (a.workload.name < b.workload.name ? -1 : 1));
  for (const record of sorted) {
    const { namespace, name, labels } = record.workload;
    names.set(`${namespace}/${name}`, record);
    for (const address of record.workload.addresses) {
      const key = `${namespace} ${address}`;
      addresses.set(key, addresses.has(key) ? undefined : record);
    }
    for (const [label, value] of Object.entries(labels)) {
      const key = `${namespace} ${label} ${value}`;
      const others = labelled.get(key);
      if (others === undefined) labelled.set(key, [record]);
      else others.push(record);
    }
  }
  return {
    byName: (name) => names.get(name),
    byAddress: (namespace, address) => addresses.get(`${namespace} ${address}`),
    select: (namespace, selector) => {
      const candidates = Object.entries(selector).map(
        ([label, value]) => labelled.get(`${namespace} ${label} ${value}`) ?? [],
      );
      const rarest = candidates.sort((a, b) => a.length - b.length)[0] ?? [];
      return rarest.filter(({ workload }) => selects(selector, workload.labels));
    },
  };
}
