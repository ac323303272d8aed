import { rm } from 'node:fs/promises';
import type { AgentConfig } from '../../config/agent-config.ts';
import type { DeriveReport, DeriveRequest } from '../../mesh/derive/request.ts';
import type { AgentMetrics } from '../../metrics/registry.ts';
import type { ChildProgram } from '../../platform/child-program.ts';
import { millis } from '../../platform/duration.ts';
import type { Logger } from '../../platform/logger.ts';
import { meshFilesFolder } from '../editions.ts';
import { describeNode, type Pod, readPod } from '../node.ts';
import { proxyFacts, tracingOf } from './facts.ts';
import { type Mesh, startMesh } from './mesh.ts';

/** A mesh of any size that somebody would have in files is derived in a fraction of it, on a busy machine too. */
const DEADLINE = millis(60_000);

export interface OpenMesh extends Mesh {
  removeFiles(): Promise<void>;
}

/**
 * Derives Envoy's files from `--meshDir` for this proxy, and again with each change. To be called as the user that Envoy runs as.
 * @throws InputError with all that is wrong with the mesh
 */
export async function openMesh(
  config: AgentConfig,
  pod: Pod,
  use: {
    readonly env: NodeJS.ProcessEnv;
    readonly program: ChildProgram;
    readonly metrics: AgentMetrics;
    readonly log: Logger;
  },
): Promise<OpenMesh> {
  const { env, program, metrics, log } = use;
  const { meshDir = '', meshConfigFile, podLabelsFile } = config;
  const xdsDir = meshFilesFolder(config);
  const request = async (): Promise<DeriveRequest> => {
    const now = await readPod(config, pod);
    const { identity } = describeNode(config, now, env);
    return {
      meshDir,
      meshConfigFile,
      xdsDir,
      proxy: proxyFacts(config, identity, now.labels.values, env),
      tracing: tracingOf(config),
      maxFiles: undefined,
    };
  };
  const mesh = await startMesh({
    request,
    derive: async (what) => JSON.parse(await program.run(JSON.stringify(what), DEADLINE)) as DeriveReport,
    inputs: [meshConfigFile, podLabelsFile].filter((file) => file !== ''),
    metrics: metrics.mesh(),
    log: log.scope('mesh'),
  });
  const close = async () => {
    const closed = mesh.close();
    // What it derives now, nobody waits for any more.
    await program.close();
    await closed;
  };
  return { ...mesh, close, removeFiles: () => rm(xdsDir, { recursive: true, force: true }) };
}
