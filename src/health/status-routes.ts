import type { ServerResponse } from 'node:http';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { answerText } from './answers.ts';
import { type Handler, localGet, type Routes } from './routes.ts';
import type { StatusReport } from './status-report.ts';

export interface StatusRoutesDeps {
  report(): Promise<StatusReport>;
  readonly log: Logger;
}

/** `GET /status`, the report as JSON, and `GET /`, the page that draws it. To this machine only: they tell pids and node id. */
export function statusRoutes(deps: StatusRoutesDeps): Routes {
  return new Map<string, Handler>([
    ['/status', localGet((_, response) => answerReport(deps, response))],
    ['/', localGet((_, response) => answerPage(response))],
  ]);
}

const HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
};

async function answerReport({ report, log }: StatusRoutesDeps, response: ServerResponse): Promise<void> {
  try {
    const text = `${JSON.stringify(await report(), undefined, 2)}\n`;
    answerText(response, 200, text, { ...HEADERS, 'content-type': 'application/json' });
  } catch (thrown) {
    const { message } = toError(thrown);
    log.error(`the status cannot be told: ${message}`);
    answerText(response, 500, `the status cannot be told: ${message}\n`);
  }
}

async function answerPage(response: ServerResponse): Promise<void> {
  const { html, styleHash, scriptHash } = await import('./page/page.html');
  const policy = [
    "default-src 'none'",
    `style-src '${styleHash}'`,
    `script-src '${scriptHash}'`,
    "connect-src 'self'",
    'img-src data:', // its icon
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  answerText(response, 200, html, {
    ...HEADERS,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
  });
}
