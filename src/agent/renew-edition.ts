import type { AgentConfig } from '../config/agent-config.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { Logger } from '../platform/logger.ts';
import { deriveEdition, type Edition, pinned } from './editions.ts';
import { type Pod, readPod } from './node.ts';

/** What a hot restart starts Envoy with: the inputs as they are now, where they can take effect. */
export async function renewEdition(again: {
  readonly running: AgentConfig;
  readonly pod: Pod;
  readonly reload: () => Promise<LoadedConfig>;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
}): Promise<Edition> {
  const { running, pod, reload, env, log } = again;
  const loaded = await reload();
  for (const warning of loaded.warnings) log.warn(warning);
  const { config, waiting } = pinned(running, loaded.config);
  if (waiting.length > 0) {
    log.warn(`Changed, but in force only when the agent starts again: ${waiting.join(', ')}`);
  }
  return deriveEdition(config, await readPod(config, pod), env);
}
