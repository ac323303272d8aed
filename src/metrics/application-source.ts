import type { IncomingMessage, RequestOptions } from 'node:http';
import type { ScrapeTarget } from '../config/scrape-targets.ts';
import { openHttp } from '../platform/http-client.ts';
import { type MetricsSource, readAnswer, ScrapeError, type ScrapeRequest } from './source.ts';

const HOST = 'localhost';
const LOCAL_NAMES = new Set(['localhost', '127.0.0.1', '[::1]']);
const MAX_REDIRECTS = 10;

/**
 * Metrics of the application, asked on the loopback of the pod. Redirects are followed within this machine, ten of them
 * at most. A certificate is not checked, as with the kubelet's probes: it is our own pod that answers.
 */
export function applicationSource({ scheme, port, path }: ScrapeTarget): MetricsSource {
  return {
    name: 'application',
    target: `${scheme === 'https' ? 'https://' : ''}:${port}${path.split('?', 1)[0]}`,
    async open(request, signal) {
      let url = new URL(`${scheme}://${HOST}:${port}${path}`);
      for (let redirects = 0; ; redirects += 1) {
        const answer = await ask(url, request, signal);
        const { location } = answer.headers;
        const isRedirect = [301, 302, 303, 307, 308].includes(answer.statusCode ?? 0);
        if (!isRedirect || location === undefined) return await readAnswer(answer);
        answer.on('error', () => {}).destroy();
        url = followed(url, location, redirects);
      }
    },
  };
}

function followed(from: URL, location: string, redirects: number): URL {
  if (redirects >= MAX_REDIRECTS) throw new ScrapeError('redirect', `more than ${MAX_REDIRECTS} redirects`);
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (to === undefined || !/^https?:$/.test(to.protocol) || !LOCAL_NAMES.has(to.hostname)) {
    throw new ScrapeError('redirect', `redirect to ${location}, which is not on this machine`);
  }
  return to;
}

function ask(url: URL, request: ScrapeRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const path = `${url.pathname}${url.search}`;
  const headers = {
    accept:
      request.format === 'openmetrics'
        ? 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
        : 'text/plain;version=0.0.4,*/*;q=0.1',
    'accept-encoding': 'gzip',
    ...(request.userAgent === undefined ? {} : { 'user-agent': request.userAgent }),
    'x-prometheus-scrape-timeout-seconds': String(request.deadline / 1_000),
  };
  if (url.protocol === 'https:') return openHttps({ host, port, path, headers }, signal);
  return openHttp({ host, port, path, headers, deadline: request.deadline, signal });
}

async function openHttps(options: RequestOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const { request } = await import('node:https');
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined;
    const abort = () => {
      answer?.destroy(signal.reason);
      call.destroy(signal.reason);
    };
    const call = request({ ...options, agent: false, rejectUnauthorized: false }, (response) => {
      answer = response;
      resolve(response);
    });
    signal.addEventListener('abort', abort, { once: true });
    call.on('error', reject);
    call.on('close', () => signal.removeEventListener('abort', abort));
    call.end();
  });
}
