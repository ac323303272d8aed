import { setTimeout as delay } from 'node:timers/promises';
import { errorCode } from '../platform/errors.ts';
import { PROTOBUF } from './format.ts';
import { httpGet } from './http-get.ts';
import { type MetricsSource, readAnswer, ScrapeError } from './source.ts';

/** Where Envoy's admin interface is. */
export interface StatsAdmin {
  /** A loopback address. */
  readonly host: string;
  readonly port: number;
}

const RETRY_MS = 50;
const NOT_THERE = new Set(['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE']);

/**
 * Envoy's metrics. During a hot restart there is a moment without an admin interface, so a refused connection is tried
 * again until the deadline.
 * @param admin the admin interface of the epoch that is current when it is called
 */
export function envoySource(admin: () => StatsAdmin | undefined): MetricsSource {
  return {
    name: 'envoy',
    target: 'envoy',
    async open(request, signal) {
      const end = performance.now() + request.deadline;
      const headers = {
        // Envoy 1.38 and later answer with protobuf when it is asked for, older ones with text whatever is.
        accept: request.format === 'protobuf' ? PROTOBUF.replaceAll(' ', '') : 'text/plain;version=0.0.4',
        ...(request.userAgent === undefined ? {} : { 'user-agent': request.userAgent }),
        'x-prometheus-scrape-timeout-seconds': String(request.deadline / 1_000),
      };
      for (let last: unknown; ; ) {
        signal.throwIfAborted();
        if (performance.now() >= end)
          throw new ScrapeError('connect', 'the admin interface does not answer', { cause: last });
        try {
          // Asked anew each time, and over a connection of its own: one that was kept would go on asking the old Envoy all
          // through a hot restart, which answers on it (seen with Envoy 1.40).
          const answer = await ask(admin(), `/stats/prometheus${request.query}`, headers, signal);
          if (answer !== undefined)
            return { ...(await readAnswer(answer, request.format === 'protobuf')), trusted: true };
        } catch (error) {
          if (!NOT_THERE.has(errorCode(error) ?? '')) throw error;
          last = error;
        }
        await delay(RETRY_MS, undefined, { signal }).catch(() => {});
      }
    },
  };
}

async function ask(
  admin: StatsAdmin | undefined,
  path: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) {
  if (admin === undefined) return undefined;
  const { host, port } = admin;
  const name = host.includes(':') ? `[${host}]` : host;
  return await httpGet(
    { addresses: [host], port, path, headers: { host: `${name}:${port}`, ...headers } },
    signal,
  );
}
