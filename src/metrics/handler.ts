import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../platform/logger.ts';
import { negotiateFormat, negotiatePacking } from './accept.ts';
import type { ScrapeFormat } from './format.ts';
import { createOutput } from './output.ts';
import { PACKINGS, type Packing, packInto } from './pack.ts';
import type { AgentMetrics } from './registry.ts';
import { type SourceReport, scrape } from './scrape.ts';
import { type ScrapeDeadline, scrapeDeadline } from './scrape-deadline.ts';
import type { MetricsSource } from './source.ts';

export interface MetricsHandlerOptions {
  readonly metrics: AgentMetrics;
  /** Without the agent's own, which is always there. */
  readonly sources: readonly MetricsSource[];
  /** `METRICS_LOCALHOST_ACCESS_ONLY`. */
  readonly localhostOnly: boolean;
  readonly log: Logger;
}

export type MetricsHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Each may hold what it reads ahead: a few MiB. No pod has as many scrapers; a flood has. */
const MAX_SCRAPES = 64;

/**
 * Answers a scrape with the merged metrics. The status is 200 whatever becomes of the sources: `istio_agent_scrape_up`
 * and the counters beside it say how they fared. Refused: other peers than this machine when told so (403), methods
 * other than GET and HEAD (405), and more than 64 scrapes that are under way or wait for their turn (503).
 */
export function createMetricsHandler(options: MetricsHandlerOptions): MetricsHandler {
  const { metrics, localhostOnly } = options;
  const note = createNotes(options);
  const inTurn = createTurns();
  let running = 0;

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    format: ScrapeFormat,
    packing: Packing | undefined,
  ): Promise<void> {
    metrics.countScrape();
    const deadline = scrapeDeadline(header(request, 'x-prometheus-scrape-timeout-seconds'));
    await withLifetime(response, request.socket, deadline, async (signal) =>
      scrape({
        sources: options.sources,
        agent: metrics.source,
        isAgentFamily: metrics.has,
        request: {
          format,
          query: /\?.*$/.exec(request.url ?? '')?.[0] ?? '',
          userAgent: request.headers['user-agent'],
          deadline: deadline.sources,
        },
        output: createOutput(packing === undefined ? response : await packInto(response, packing)),
        signal,
        onSource: note,
      }),
    );
  }

  return async (request, response) => {
    if (localhostOnly && !isLoopback(request.socket.remoteAddress)) {
      return refuse(response, 403, 'Only requests from localhost are allowed');
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD');
      return refuse(response, 405, 'Method Not Allowed');
    }
    if (running >= MAX_SCRAPES) {
      response.setHeader('retry-after', '1');
      return refuse(response, 503, 'Too many scrapes at a time');
    }
    const { format, contentType } = negotiateFormat(request.headers.accept);
    const packing = negotiatePacking(header(request, 'accept-encoding'), PACKINGS);
    response.writeHead(200, {
      'content-type': contentType,
      vary: 'Accept, Accept-Encoding',
      'cache-control': 'no-store',
      ...(packing === undefined ? {} : { 'content-encoding': packing }),
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    running += 1;
    try {
      await inTurn(request.socket, () => answer(request, response, format, packing));
    } finally {
      running -= 1;
    }
  };
}

/**
 * Runs a scrape within its limits: the signal aborts when the sources' time is over or the client goes, and a client that
 * does not read its answer is cut off. What is thrown after the client has gone is of no interest to anybody.
 */
async function withLifetime(
  response: ServerResponse,
  socket: Socket,
  deadline: ScrapeDeadline,
  run: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  let onClosed = () => {};
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  // The socket and not the answer alone: one that waits behind another on its connection does not hear of the end.
  const gone = () => {
    controller.abort(new Error('the client has gone'));
    response.destroy();
    onClosed();
  };
  const over = () => controller.abort(new DOMException('the time for the scrape is over', 'TimeoutError'));
  const sources = setTimeout(over, deadline.sources);
  const client = setTimeout(gone, deadline.client);
  response.once('close', onClosed);
  socket.once('close', gone);
  try {
    if (socket.destroyed) gone();
    else await run(controller.signal);
    // The limit on the client holds until it has everything.
    await closed;
  } catch (error) {
    if (!response.destroyed) throw error;
  } finally {
    clearTimeout(sources);
    clearTimeout(client);
    socket.off('close', gone);
    // With a reason, for without one Node makes an error, which costs more than all the rest here.
    controller.abort('the scrape is over');
  }
}

/** One at a time for each connection: a client that sends many requests in one go has them answered in turn. */
function createTurns(): (socket: Socket, work: () => Promise<void>) => Promise<void> {
  const last = new WeakMap<Socket, Promise<void>>();
  return (socket, work) => {
    const turn = (last.get(socket) ?? Promise.resolve()).then(work);
    last.set(
      socket,
      turn.catch(() => {}),
    );
    return turn;
  };
}

/** Turns reports into metrics, and into a line of log when a source begins to fail, fails otherwise or is well again. */
function createNotes(options: MetricsHandlerOptions): (report: SourceReport) => void {
  const { metrics } = options;
  const log = options.log.scope('metrics');
  const last = new Map<MetricsSource, string>();
  return ({ source, failure, left, samples, bytes, seconds }) => {
    const labels = { type: source.name, target: source.target };
    if (failure !== undefined) metrics.scrapeFailures.inc({ type: source.name, reason: failure.reason });
    for (const [reason, count] of Object.entries(left)) {
      if (count > 0) metrics.scrapeDiscarded.inc({ type: source.name, reason }, count);
    }
    metrics.scrapeUp.set(labels, failure === undefined ? 1 : 0);
    metrics.scrapeSeconds.set(labels, seconds);
    metrics.scrapeBytes.set(labels, bytes);
    metrics.scrapeSamples.set(labels, samples);
    const reason = failure?.reason ?? '';
    if (reason === (last.get(source) ?? '')) return;
    last.set(source, reason);
    if (failure === undefined) log.info(`scraping ${source.name} metrics works again`, labels);
    else log.warn(`failed scraping ${source.name} metrics: ${failure.message}`, labels);
  };
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
  response.end(`${message}\n`);
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

const isLoopback = (address: string | undefined) =>
  address !== undefined && (/^(::ffff:)?127\./.test(address) || address === '::1');
