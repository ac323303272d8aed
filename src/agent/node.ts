import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { type NodeIdentity, resolveIdentity } from '../bootstrap/identity.ts';
import { type NodeMetadata, nodeMetadata } from '../bootstrap/metadata.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { parsePodInfo } from '../config/pod-info.ts';
import { interfaceAddresses } from '../platform/addresses.ts';
import { errorCode, toError } from '../platform/errors.ts';

export interface ProxyNode {
  readonly identity: NodeIdentity;
  readonly metadata: NodeMetadata;
  readonly warnings: readonly string[];
}

/** Labels and annotations of the pod, from the downward API's files. */
export interface Pod {
  readonly labels: PodFile;
  readonly annotations: PodFile;
}
export interface PodFile {
  readonly values: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/** Who this proxy is: from the configuration, the pod's files, the environment and the machine's addresses. */
export function describeNode(
  config: AgentConfig,
  pod: Pod,
  env: Readonly<Record<string, string | undefined>>,
): ProxyNode {
  const labels = pod.labels.values;
  const identity = resolveIdentity({
    config,
    addresses: interfaceAddresses(),
    labels,
    workloadName: env['ISTIO_META_WORKLOAD_NAME'],
    hostname: hostname(),
  });
  const metadata = nodeMetadata({ config, identity, env, labels, annotations: pod.annotations.values });
  // What is wrong with the annotations was said when the configuration was read from them.
  return { identity, metadata, warnings: [...pod.labels.warnings, ...metadata.warnings] };
}

/**
 * Reads the pod's files.
 * @param before what was read earlier, perhaps as root: it stays in force where this user may not read
 */
export async function readPod(
  config: Pick<AgentConfig, 'podLabelsFile' | 'podAnnotationsFile'>,
  before?: Pod,
): Promise<Pod> {
  return {
    labels: await readPodFile(config.podLabelsFile, before?.labels),
    annotations: await readPodFile(config.podAnnotationsFile, before?.annotations),
  };
}

const NOTHING: PodFile = { values: new Map(), warnings: [] };

/** Outside of Kubernetes there is no such file, which is no problem. */
async function readPodFile(path: string, before: PodFile | undefined): Promise<PodFile> {
  try {
    const { values, warnings } = parsePodInfo(await readFile(path, 'utf8'));
    return { values, warnings: warnings.map((warning) => `${path}: ${warning}`) };
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return NOTHING;
    return before ?? { ...NOTHING, warnings: [`cannot read ${path}: ${toError(thrown).message}`] };
  }
}
