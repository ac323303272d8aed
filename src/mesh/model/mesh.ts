import type { Service } from './service.ts';
import type { SidecarSpec } from './sidecar.ts';
import type { Workload } from './workload.ts';

/** A folder of YAML as plain data. Sorted by namespace and name: files and their order leave no trace in it but origins. */
export interface MeshModel {
  readonly services: readonly Service[];
  readonly workloads: readonly Workload[];
  readonly sidecars: readonly SidecarSpec[];
}
