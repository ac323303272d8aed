import { type AgentOptions, startAgent } from './agent.ts';
import type { RunningAgent } from './launch.ts';

/** The environment of the workload `client.default` that captures nothing. */
export const MESH_CLIENT = {
  POD_NAME: 'client',
  POD_NAMESPACE: 'default',
  INSTANCE_IP: '127.0.0.1',
  ISTIO_META_INTERCEPTION_MODE: 'NONE',
} as const;

/** An agent beside the workload `client.default` that captures nothing: applications call the listeners on loopback. */
export async function startMeshAgent(folder: string, options: AgentOptions = {}): Promise<RunningAgent> {
  const agent = await startAgent({
    ...options,
    args: ['--meshDir', folder, ...(options.args ?? [])],
    env: { ...MESH_CLIENT, ...options.env },
  });
  await agent.ready();
  return agent;
}
