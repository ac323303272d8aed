import type { ScrapeTarget } from '../config/scrape-targets.ts';
import { type Answer, httpGet } from './http-get.ts';
import { type MetricsSource, readAnswer, ScrapeError, type ScrapeRequest } from './source.ts';

const HOST = 'localhost';
/** Where to ask by which name. Without the resolver: it would cost a thread, and the hosts file need not have the name. */
const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  localhost: ['127.0.0.1', '::1'],
  '127.0.0.1': ['127.0.0.1'],
  '[::1]': ['::1'],
};
const REDIRECTS = [301, 302, 303, 307, 308];
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
        const location = answer.headers.get('location');
        if (!REDIRECTS.includes(answer.status) || location === undefined) return await readAnswer(answer);
        answer.discard();
        url = followed(url, location, redirects);
      }
    },
  };
}

function followed(from: URL, location: string, redirects: number): URL {
  if (redirects >= MAX_REDIRECTS) throw new ScrapeError('redirect', `more than ${MAX_REDIRECTS} redirects`);
  const to = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (to === undefined || !/^https?:$/.test(to.protocol) || !Object.hasOwn(ADDRESSES, to.hostname)) {
    throw new ScrapeError('redirect', `redirect to ${location}, which is not on this machine`);
  }
  return to;
}

function ask(url: URL, request: ScrapeRequest, signal: AbortSignal): Promise<Answer> {
  const isTls = url.protocol === 'https:';
  return httpGet(
    {
      addresses: ADDRESSES[url.hostname] ?? [],
      port: Number(url.port) || (isTls ? 443 : 80),
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        accept:
          request.format === 'openmetrics'
            ? 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'
            : 'text/plain;version=0.0.4,*/*;q=0.1',
        'accept-encoding': 'gzip',
        ...(request.userAgent === undefined ? {} : { 'user-agent': request.userAgent }),
        'x-prometheus-scrape-timeout-seconds': String(request.deadline / 1_000),
      },
      // An address is not a name that TLS may be told.
      ...(isTls ? { tls: { servername: url.hostname === HOST ? HOST : '' } } : {}),
    },
    signal,
  );
}
