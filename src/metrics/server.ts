import { type HttpServer, type HttpServerOptions, startHttpServer } from '../platform/http-server.ts';
import type { MetricsHandler } from './handler.ts';

export interface MetricsServerOptions
  extends Pick<HttpServerOptions, 'host' | 'port' | 'setting' | 'onError'> {
  readonly handler: MetricsHandler;
}

/** Whether a request asks for the merged metrics, by its path. */
export const isMetricsPath = (url: string | undefined): boolean =>
  ['/stats/prometheus', '/metrics'].includes((url ?? '').split('?', 1)[0] ?? '');

/**
 * Serves the merged metrics, and nothing else, on a port of their own (15090).
 * @throws EnvironmentError when the port cannot be bound
 */
export function startMetricsServer({ handler, ...options }: MetricsServerOptions): Promise<HttpServer> {
  return startHttpServer({
    ...options,
    handler: (request, response) => {
      if (isMetricsPath(request.url)) return handler(request, response);
      response.writeHead(404, {
        'content-type': 'text/plain; charset=utf-8',
        'x-content-type-options': 'nosniff',
      });
      response.end('404 page not found\n');
      return undefined;
    },
  });
}
