import type { AgentConfig } from '../config/agent-config.ts';
import { applicationSource } from './application-source.ts';
import { envoySource, type StatsAdmin } from './envoy-source.ts';
import type { MetricsSource } from './source.ts';

/**
 * What is merged with the agent's own metrics: Envoy's unless `PILOT_AGENT_MERGE_ENVOY_STATS` is false, and those of the
 * application.
 * @param admin the admin interface of the current Envoy, asked anew for each scrape
 */
export function createSources(
  { mergeEnvoyStats, scrapeTargets }: Pick<AgentConfig, 'mergeEnvoyStats' | 'scrapeTargets'>,
  admin: () => StatsAdmin | undefined,
): readonly MetricsSource[] {
  return [...(mergeEnvoyStats ? [envoySource(admin)] : []), ...scrapeTargets.map(applicationSource)];
}
