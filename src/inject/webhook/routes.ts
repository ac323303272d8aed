import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../../platform/logger.ts';
import type { InjectionSettings } from '../settings.ts';
import { type BodyReader, MAX_BODY_BYTES } from './body.ts';
import type { InjectorMetrics } from './metrics.ts';
import { type Reviewed, review } from './review.ts';
import { proxyEnvOf } from './url.ts';

export interface RouteOptions {
  readonly settings: () => InjectionSettings;
  readonly bodies: BodyReader;
  readonly metrics: InjectorMetrics;
  readonly log: Logger;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const JSON_TYPE = 'application/json';

/** `/inject...`, and what `monitoringRoutes` answers. */
export function webhookRoutes(options: RouteOptions): Handler {
  const monitoring = monitoringRoutes(options.metrics);
  return async (request, response) => {
    const path = pathOf(request);
    const proxyEnv = proxyEnvOf(path);
    if (proxyEnv === undefined) return monitoring(request, response);
    const body = await options.bodies.read(request);
    switch (body.kind) {
      case 'cut-off':
        return;
      case 'too-large':
        return say(response, 413, `the body is larger than ${MAX_BODY_BYTES} bytes`);
      case 'busy':
        return say(response, 503, 'too many large requests at the same time, try again');
      case 'whole': {
        if (body.text === '') return say(response, 400, 'no body found');
        const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
        if (type !== JSON_TYPE) return say(response, 415, `invalid Content-Type, want \`${JSON_TYPE}\``);
        const begun = performance.now();
        const reviewed = review(body.text, options.settings(), proxyEnv);
        const json = JSON.stringify(reviewed.reply);
        options.metrics.count(reviewed.outcome, (performance.now() - begun) / 1000);
        tell(reviewed, options.log);
        response.writeHead(200, { 'content-type': JSON_TYPE, 'content-length': Buffer.byteLength(json) });
        response.end(json);
      }
    }
  };
}

/** `/healthz`, `/metrics`. */
export function monitoringRoutes(metrics: InjectorMetrics): Handler {
  return async (request, response) => {
    switch (pathOf(request)) {
      case '/healthz':
      case '/ready':
        return say(response, 200, 'ok');
      case '/metrics': {
        const text = await metrics.render();
        response.writeHead(200, { 'content-type': metrics.contentType });
        response.end(text);
        return;
      }
      default:
        return say(response, 404, 'there are /inject, /healthz and /metrics');
    }
  };
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '').split('?', 1)[0] ?? '';
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

function tell({ outcome, pod, warnings }: Reviewed, log: Logger): void {
  for (const warning of warnings) log.warn(`${pod}: ${warning}`);
  switch (outcome.kind) {
    case 'injected':
      return log.info(`Injected ${pod}`, { operations: outcome.operations });
    case 'skipped':
      return log.info(`Skipping ${pod} due to policy check: ${outcome.why}`, { reason: outcome.reason });
    case 'failed':
      return log.error(`Refused ${pod}: ${outcome.why}`);
  }
}
