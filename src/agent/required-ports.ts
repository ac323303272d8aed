import type { AgentConfig } from '../config/agent-config.ts';
import { requireFreePort } from '../platform/ports.ts';

/** What Envoy is going to bind: where a port is taken, the agent says so before anything is started, and names the setting. */
export async function requireEnvoysPorts(config: AgentConfig, localhost: string): Promise<void> {
  // A bootstrap of the user's own has ports of its own.
  if (config.customConfigFile !== undefined) return;
  await requireFreePort({ host: localhost, port: config.proxyAdminPort, setting: '--proxyAdminPort' });
  if (config.statusPort === 0 || config.envoyStatusPort === 0) return;
  await requireFreePort({ host: undefined, port: config.envoyStatusPort, setting: 'ENVOY_STATUS_PORT' });
}
