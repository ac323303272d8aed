import type { AgentConfig } from '../config/agent-config.ts';

export interface NodeClusterInput {
  readonly config: Pick<AgentConfig, 'serviceCluster' | 'tracingServiceName' | 'podNamespace'>;
  readonly labels: ReadonlyMap<string, string>;
  readonly workloadName: string | undefined;
}

const DEFAULT_CLUSTER = 'istio-proxy';
const APP_LABELS = ['app', 'app.kubernetes.io/name', 'service.istio.io/canonical-name'];
const CANONICAL_LABELS = ['service.istio.io/canonical-name', 'app.kubernetes.io/name', 'app'];

/**
 * The cluster of the node, which is also the name of the service in traces: `serviceCluster` when somebody chose one, else
 * after the labels of the pod and the workload (reference/pilot-agent-1.30.md §6.2).
 */
export function nodeCluster({ config, labels, workloadName }: NodeClusterInput): string {
  if (config.serviceCluster !== '' && config.serviceCluster !== DEFAULT_CLUSTER) return config.serviceCluster;
  const label = (names: readonly string[]) => names.map((name) => labels.get(name)).find((value) => value);
  const inNamespace = (name: string) =>
    config.podNamespace === undefined ? name : `${name}.${config.podNamespace}`;
  const canonical = label(CANONICAL_LABELS) ?? workloadName;
  switch (config.tracingServiceName) {
    case 'CANONICAL_NAME_ONLY':
      return canonical ?? inNamespace(DEFAULT_CLUSTER);
    case 'CANONICAL_NAME_AND_NAMESPACE':
      return inNamespace(canonical ?? DEFAULT_CLUSTER);
    case 'APP_LABEL_AND_NAMESPACE':
      return inNamespace(label(APP_LABELS) ?? workloadName ?? DEFAULT_CLUSTER);
  }
}
