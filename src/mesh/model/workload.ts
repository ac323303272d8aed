import type { Origin } from './origin.ts';

export interface WorkloadPort {
  readonly name: string;
  readonly number: number;
}

/** What a sidecar runs beside: a Pod or a WorkloadEntry. */
export interface Workload {
  readonly kind: 'pod' | 'workload-entry';
  readonly name: string;
  readonly namespace: string;
  /** IP addresses, the first one first; of a WorkloadEntry also a DNS name or `unix://` and a path. */
  readonly addresses: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly WorkloadPort[];
  readonly serviceAccount: string;
  readonly locality: string;
  readonly weight: number;
  readonly origin: Origin;
}

/** Whether every label of the selector is on the workload. An empty selector is on all of them. */
export function selects(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  for (const name in selector) if (labels[name] !== selector[name]) return false;
  return true;
}
