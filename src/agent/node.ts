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

/** Who this proxy is: from the configuration, the pod's files, the environment and the machine's addresses. */
export async function describeNode(
  config: AgentConfig,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ProxyNode> {
  const labels = await readPodFile(config.podLabelsFile);
  const annotations = await readPodFile(config.podAnnotationsFile);
  const identity = resolveIdentity({
    config,
    addresses: interfaceAddresses(),
    labels: labels.values,
    workloadName: env['ISTIO_META_WORKLOAD_NAME'],
    hostname: hostname(),
  });
  const metadata = nodeMetadata({
    config,
    identity,
    env,
    labels: labels.values,
    annotations: annotations.values,
  });
  // What is wrong with the annotations was said when the configuration was read from them.
  return { identity, metadata, warnings: [...labels.warnings, ...metadata.warnings] };
}

interface PodFile {
  readonly values: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/** A file of the downward API. Outside of Kubernetes there is none, which is no problem. */
async function readPodFile(path: string): Promise<PodFile> {
  try {
    const { values, warnings } = parsePodInfo(await readFile(path, 'utf8'));
    return { values, warnings: warnings.map((warning) => `${path}: ${warning}`) };
  } catch (thrown) {
    const nothing = new Map<string, string>();
    if (errorCode(thrown) === 'ENOENT') return { values: nothing, warnings: [] };
    return { values: nothing, warnings: [`cannot read ${path}: ${toError(thrown).message}`] };
  }
}
