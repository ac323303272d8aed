import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Millis, millis } from '../platform/duration.ts';
import { errorCode } from '../platform/errors.ts';
import { PROTOBUF } from './format.ts';
import { type MetricsSource, readAnswer, ScrapeError } from './source.ts';

/** What the source needs of Envoy's admin interface. */
export interface StatsAdmin {
  open(
    path: string,
    headers: Readonly<Record<string, string>>,
    deadline: Millis,
    signal?: AbortSignal,
  ): Promise<IncomingMessage>;
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
        const left = millis(Math.floor(end - performance.now()));
        if (left <= 0)
          throw new ScrapeError('connect', 'the admin interface does not answer', { cause: last });
        try {
          const answer = await admin()?.open(`/stats/prometheus${request.query}`, headers, left, signal);
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
