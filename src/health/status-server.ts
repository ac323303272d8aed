import type { AppProbers } from '../config/app-probers.ts';
import { toError } from '../platform/errors.ts';
import { type HttpServer, startHttpServer } from '../platform/http-server.ts';
import type { Logger } from '../platform/logger.ts';
import { answerText } from './answers.ts';
import { appProbeRoute, isAppProbePath } from './app-probe-route.ts';
import type { ProberOptions } from './probes/target.ts';
import type { Readiness } from './readiness.ts';
import { readinessRoute } from './readiness-route.ts';
import { type Handler, localPost, pathOf, type Routes } from './routes.ts';

export interface StatusServerOptions {
  /** 0 takes a free port (tests); a status port of 0 in the configuration means no server: the caller's to decide. */
  readonly port: number;
  /** Undefined: every address of both families, for kubelet comes from outside of the pod. */
  readonly host?: string | undefined;
  /** What the port is called in an error message. */
  readonly setting?: string;
  /** Further routes, or others in the place of built-in ones; `localPost` guards those that change something. */
  readonly extraRoutes?: Routes;
  readonly deps: StatusServerDeps;
}

/** What the server reports and triggers; it decides none of it. */
export interface StatusServerDeps {
  readiness(): Promise<Readiness>;
  /** Not alive: the agent cannot recover, and only a restart of the container helps. Starting and draining are alive. */
  live(): { readonly alive: true } | { readonly alive: false; readonly reason: string };
  readonly metrics: Handler;
  quit(): void;
  /** Resolves when the drain has ended; the answer to `/drain` waits for it, as a preStop hook wants. */
  drain(): Promise<void>;
  readonly log: Logger;
  readonly appProbers: AppProbers;
  readonly proberOptions: ProberOptions;
}

/**
 * Serves the status port. It stays up through a drain: probes, preStop hooks and scrapes go on until the caller closes it.
 * @throws EnvironmentError naming port and setting when the port cannot be bound
 */
export function startStatusServer(options: StatusServerOptions): Promise<HttpServer> {
  const { port, host, setting = '--statusPort', extraRoutes, deps } = options;
  const routes: Routes = new Map([...builtInRoutes(deps), ...(extraRoutes ?? [])]);
  const appProbes = appProbeRoute(deps.appProbers, deps.proberOptions, deps.log);
  return startHttpServer({
    port,
    host,
    setting,
    handler: (request, response) => {
      const path = pathOf(request.url);
      const handler = routes.get(path) ?? (isAppProbePath(path) ? appProbes : notFound);
      return handler(request, response);
    },
    onError: (error, request) => deps.log.error(`${request.method} ${request.url} failed: ${error.message}`),
  });
}

function builtInRoutes(deps: StatusServerDeps): Routes {
  return new Map<string, Handler>([
    ['/healthz/ready', readinessRoute(deps.readiness, deps.log)],
    ['/healthz/live', (_, response) => answerLive(deps, response)],
    [
      '/quitquitquit',
      localPost(async (_, response) => {
        deps.log.info('handling /quitquitquit, notifying pilot-agent to exit');
        // The answer first: the server may be closed as soon as the agent knows.
        await new Promise((sent) => {
          response.once('close', sent);
          answerText(response, 200, 'OK');
        });
        deps.quit();
      }),
    ],
    ['/drain', localPost((_, response) => answerDrain(deps, response))],
    ['/metrics', deps.metrics],
    ['/stats/prometheus', deps.metrics],
  ]);
}

function answerLive({ live }: StatusServerDeps, response: Parameters<Handler>[1]): void {
  const state = live();
  answerText(response, state.alive ? 200 : 503, state.alive ? '' : `${state.reason.replace(/\s+/g, ' ')}\n`);
}

async function answerDrain(
  { drain, log }: StatusServerDeps,
  response: Parameters<Handler>[1],
): Promise<void> {
  log.info('handling /drain, starting drain');
  try {
    await drain();
    answerText(response, 200, 'OK');
  } catch (thrown) {
    const { message } = toError(thrown);
    log.error(`drain failed: ${message}`);
    answerText(response, 500, `drain failed: ${message}\n`);
  }
}

const notFound: Handler = (_, response) => answerText(response, 404, '404 page not found\n');
