import { onTestFinished } from 'vitest';
import type { StatusReport } from '../../src/health/status-report.ts';
import { statusRoutes } from '../../src/health/status-routes.ts';
import { startStatusServer } from '../../src/health/status-server.ts';
import type { HttpServer } from '../../src/platform/http-server.ts';
import type { Logger } from '../../src/platform/logger.ts';

/** A status server that tells of a sidecar of the test's making. Closed when the test is over. */
export async function serveReport(
  report: () => StatusReport | Promise<StatusReport>,
  log: Logger,
  port = 0,
): Promise<HttpServer> {
  const server = await startStatusServer({
    port,
    extraRoutes: statusRoutes({ report: async () => report(), log }),
    deps: {
      readiness: async () => ({ ready: true }),
      live: () => ({ alive: true }),
      metrics: (_, response) => void response.end(),
      quit: () => {},
      drain: async () => {},
      log,
      appProbers: new Map(),
      proberOptions: {
        instanceIp: '127.0.0.1',
        localhostDestination: false,
        statusPort: 0,
        http2: false,
        keepAlive: false,
      },
    },
  });
  onTestFinished(() => server.close());
  return server;
}
