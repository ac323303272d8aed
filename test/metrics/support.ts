/** Real servers for the tests of the merge: applications, Envoy's admin interface, and the merged metrics over them. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { applicationSource } from '../../src/metrics/application-source.ts';
import { envoySource, type StatsAdmin } from '../../src/metrics/envoy-source.ts';
import { createMetricsHandler } from '../../src/metrics/handler.ts';
import { type AgentMetrics, createAgentMetrics } from '../../src/metrics/registry.ts';
import { startMetricsServer } from '../../src/metrics/server.ts';
import type { MetricsSource } from '../../src/metrics/source.ts';
import { millis } from '../../src/platform/duration.ts';
import type { Logger } from '../../src/platform/logger.ts';

export const TEXT = 'text/plain;version=0.0.4';
export const OPENMETRICS = 'application/openmetrics-text;version=1.0.0';

export interface TestServer {
  readonly port: number;
  /** What was asked, newest last. */
  readonly requests: IncomingMessage[];
  close(): Promise<void>;
}

export type Answer = string | Buffer | ((request: IncomingMessage, response: ServerResponse) => void);

/** A server that answers every request the same way; it ends with the test. */
export async function serve(answer: Answer, contentType: string = TEXT, port = 0): Promise<TestServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((incoming, response) => {
    requests.push(incoming);
    if (typeof answer === 'function') return answer(incoming, response);
    response.setHeader('content-type', contentType);
    response.end(answer);
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  onTestFinished(close);
  return { port: (server.address() as AddressInfo).port, requests, close };
}

export const application = ({ port }: TestServer, path = '/metrics'): MetricsSource =>
  applicationSource({ scheme: 'http', port, path });

export const admin = ({ port }: TestServer): StatsAdmin => ({ host: '127.0.0.1', port });

export const envoy = (server: TestServer): MetricsSource => envoySource(() => admin(server));

export interface Merged {
  readonly port: number;
  readonly metrics: AgentMetrics;
  readonly log: string[];
  /** Scrapes. Headers as given; the timeout in seconds goes into Prometheus' header. */
  scrape(options?: ScrapeOptions): Promise<Scraped>;
  /** Scrapes, and gives the body without the agent's own families. */
  others(options?: ScrapeOptions): Promise<string>;
}

export interface ScrapeOptions {
  readonly accept?: string;
  readonly timeout?: number;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly host?: string;
}

export interface Scraped {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly text: string;
}

/** The merged metrics over these sources, on a port of their own, until the test ends. */
export async function merged(sources: readonly MetricsSource[], localhostOnly = false): Promise<Merged> {
  const log: string[] = [];
  const metrics = createAgentMetrics('test', () => millis(1_234));
  const handler = createMetricsHandler({ metrics, sources, localhostOnly, log: logInto(log) });
  const errors: Error[] = [];
  const server = await startMetricsServer({
    host: '127.0.0.1',
    port: 0,
    setting: 'test',
    handler,
    onError: (error) => errors.push(error),
  });
  onTestFinished(async () => {
    await server.close();
    if (errors.length > 0) throw new AggregateError(errors, 'the handler threw');
  });
  const scrape = (options: ScrapeOptions = {}) => get(server.port, options);
  return {
    port: server.port,
    metrics,
    log,
    scrape,
    others: async (options) => withoutAgent((await scrape(options)).text),
  };
}

/** One GET, whole. */
export function get(port: number, options: ScrapeOptions = {}): Promise<Scraped> {
  const {
    accept = TEXT,
    timeout,
    path = '/stats/prometheus',
    method = 'GET',
    headers = {},
    host = '127.0.0.1',
  } = options;
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        port,
        host,
        path,
        method,
        agent: false,
        headers: {
          accept,
          ...(timeout === undefined ? {} : { 'x-prometheus-scrape-timeout-seconds': String(timeout) }),
          ...headers,
        },
      },
      async (response) => {
        const chunks: Buffer[] = [];
        try {
          for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
        } catch (error) {
          return reject(error);
        }
        const body = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString() });
      },
    );
    outgoing.on('error', reject);
    outgoing.end();
  });
}

/** A body without the families of the agent (and without blank lines), for comparison with what was expected. */
export function withoutAgent(body: string): string {
  const mine = /^(# \w+ )?(istio_agent_|istio_build)/;
  return body
    .split('\n')
    .filter((line) => line !== '' && !mine.test(line))
    .map((line) => `${line}\n`)
    .join('');
}

/** The value of a sample, by its exact series. */
export function sampleValue(body: string, series: string): number | undefined {
  const line = body.split('\n').find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

function logInto(lines: string[]): Logger {
  const write = (message: string) => {
    lines.push(message);
  };
  const logger: Logger = { debug: () => {}, info: write, warn: write, error: write, scope: () => logger };
  return logger;
}
