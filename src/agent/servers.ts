import type { NodeIdentity } from '../bootstrap/identity.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import type { Readiness } from '../health/readiness.ts';
import type { StatusReport } from '../health/status-report.ts';
import { statusRoutes } from '../health/status-routes.ts';
import { startStatusServer } from '../health/status-server.ts';
import { createMetricsHandler } from '../metrics/handler.ts';
import type { AgentMetrics } from '../metrics/registry.ts';
import { startMetricsServer } from '../metrics/server.ts';
import { createSources } from '../metrics/sources.ts';
import type { Closable } from '../platform/closable.ts';
import type { Logger } from '../platform/logger.ts';
import { restartRoute } from './restart-route.ts';
import type { Supervisor } from './supervisor.ts';
import type { Triggers } from './triggers.ts';

export interface ServersOptions {
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  /** Of the Envoy that serves now. */
  readonly admin: () => EnvoyAdmin;
  readonly supervisor: Supervisor;
  readonly triggers: Triggers;
  readonly readiness: () => Promise<Readiness>;
  readonly report: () => Promise<StatusReport>;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
}

/**
 * Starts what the agent answers on: status and metrics. Either both are there or none.
 * @throws EnvironmentError naming the port and its flag
 */
export async function startServers(options: ServersOptions): Promise<Closable> {
  const { config, supervisor } = options;
  const log = options.log.scope('healthcheck');
  const open: Closable[] = [];
  const close = async () => {
    for (const each of open) await each.close();
  };
  const scraped = createMetricsHandler({
    metrics: options.metrics,
    sources: createSources(config, options.admin),
    localhostOnly: config.metricsLocalhostAccessOnly,
    log: options.log.scope('metrics'),
  });
  try {
    if (config.prometheusPort !== 0) {
      open.unshift(
        await startMetricsServer({
          port: config.prometheusPort,
          setting: '--prometheusPort',
          handler: scraped,
          onError: (error) => options.log.scope('metrics').error(`a scrape failed: ${error.message}`),
          ...(config.metricsLocalhostAccessOnly ? { host: options.identity.localhost } : {}),
        }),
      );
    }
    if (config.statusPort !== 0) {
      const deps = {
        readiness: options.readiness,
        live: () => ({ alive: true }) as const,
        metrics: scraped,
        quit: () => supervisor.dispatch({ kind: 'quit' }),
        drain: async () => supervisor.dispatch({ kind: 'drain-asked' }),
        log,
        appProbers: config.appProbers,
        proberOptions: {
          instanceIp: config.instanceIp,
          localhostDestination: config.probeLocalhostDestination,
          statusPort: config.statusPort,
          http2: config.probeHttp2,
          keepAlive: config.probeKeepAlive,
        },
      };
      open.unshift(
        await startStatusServer({
          port: config.statusPort,
          deps,
          extraRoutes: new Map([
            ...statusRoutes({ report: options.report, log }),
            ['/restart', restartRoute(options.triggers)],
          ]),
        }),
      );
      options.log.info(`Opening status port ${config.statusPort}`);
    }
    return { close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
