/** Which workload of the mesh a proxy runs beside. */
import type { MeshModel } from '../model/mesh.ts';
import type { Workload } from '../model/workload.ts';
import type { ProxyFacts } from './request.ts';

/**
 * The Pod or WorkloadEntry with the proxy's name and namespace; where the mesh has none, a workload of what the proxy knows of
 * itself. An address and labels that the proxy was given come before those of the mesh, interfaces after them.
 */
export function ownWorkload({ workloads }: Pick<MeshModel, 'workloads'>, proxy: ProxyFacts): Workload {
  const { name, namespace, labels, ip, interfaceIps } = proxy;
  const listed = workloads.find((each) => each.name === name && each.namespace === namespace);
  const told = ip === undefined ? [] : [ip];
  const known = [...told, ...(listed?.addresses ?? [])];
  const addresses = [...new Set(known.length === 0 ? interfaceIps : known)];
  if (listed !== undefined) return { ...listed, addresses, labels: { ...listed.labels, ...labels } };
  return {
    kind: 'pod',
    name,
    namespace,
    addresses,
    labels,
    ports: [],
    serviceAccount: '',
    locality: '',
    weight: 1,
    origin: { file: '', document: 1, line: 1 },
  };
}
