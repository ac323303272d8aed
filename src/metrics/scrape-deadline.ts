import { type Millis, millis } from '../platform/duration.ts';

export interface ScrapeDeadline {
  /** When every source must have given what it gives. */
  readonly sources: Millis;
  /** When the client has gone away, or is sent away. */
  readonly client: Millis;
}

const DEFAULT_SOURCES_MS = 10_000;
const DEFAULT_CLIENT_MS = 30_000;
const LONGEST_MS = 120_000;
const LEAST_MARGIN_MS = 200;
const MOST_MARGIN_MS = 1_000;

/**
 * How long a scrape may take, from `X-Prometheus-Scrape-Timeout-Seconds` (seconds, may have a fraction). The sources get
 * that less 10 %, at least 200 ms and at most 1 s, so that the answer is with Prometheus before it gives up, on a busy machine too. Without a usable header:
 * 10 s for the sources, 30 s for the client to read.
 */
export function scrapeDeadline(header: string | undefined): ScrapeDeadline {
  const asked = /^\d*\.?\d+$/.test(header ?? '') ? Number(header) * 1_000 : 0;
  if (asked <= 0) return { sources: millis(DEFAULT_SOURCES_MS), client: millis(DEFAULT_CLIENT_MS) };
  const client = Math.min(asked, LONGEST_MS);
  const margin = Math.min(Math.max(client * 0.1, LEAST_MARGIN_MS), MOST_MARGIN_MS);
  return {
    sources: millis(Math.ceil(Math.max(client - margin, client / 2))),
    client: millis(Math.ceil(client)),
  };
}
