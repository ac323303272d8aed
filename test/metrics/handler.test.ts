import { createConnection } from 'node:net';
import { networkInterfaces } from 'node:os';
import * as zlib from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMetricsHandler } from '../../src/metrics/handler.ts';
import { createAgentMetrics } from '../../src/metrics/registry.ts';
import { startMetricsServer } from '../../src/metrics/server.ts';
import { millis } from '../../src/platform/duration.ts';
import type { Logger } from '../../src/platform/logger.ts';
import { until } from '../support/until.ts';
import { readExposition } from './exposition.ts';
import { application, envoy, get, merged, OPENMETRICS, sampleValue, serve, TEXT } from './support.ts';

const hang = () => {};
const ignore = () => {};
const silent: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore, scope: () => silent };

describe('the metrics port', () => {
  it.each(['/stats/prometheus', '/metrics', '/metrics?usedonly'])('serves %s', async (path) => {
    const merge = await merged([]);
    const { status, headers, text } = await merge.scrape({ path });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(headers['vary']).toBe('Accept, Accept-Encoding');
    readExposition(text, 'text');
  });

  it.each(['/', '/metrics/', '/stats', '/stats/prometheus/x', '/healthz/ready'])(
    'answers 404 to %s',
    async (path) => {
      const merge = await merged([]);
      expect((await merge.scrape({ path })).status).toBe(404);
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('answers 405 to %s', async (method) => {
    const merge = await merged([]);
    const { status, headers } = await merge.scrape({ method });
    expect(status).toBe(405);
    expect(headers['allow']).toBe('GET, HEAD');
  });

  it('answers HEAD with the headers of a GET, and asks nobody', async () => {
    const app = await serve('a 1\n');
    const merge = await merged([application(app)]);
    const { status, headers, body } = await merge.scrape({ method: 'HEAD', accept: OPENMETRICS });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(body).toHaveLength(0);
    expect(app.requests).toHaveLength(0);
  });

  it('names port and setting when it cannot be bound', async () => {
    const taken = await merged([]);
    const handler = async () => {};
    const start = startMetricsServer({
      host: '127.0.0.1',
      port: taken.port,
      setting: '--prometheusPort',
      handler,
    });
    await expect(start).rejects.toThrow(`127.0.0.1:${taken.port} (--prometheusPort)`);
  });

  it('packs with gzip when asked to', async () => {
    const merge = await merged([application(await serve('a 1\n'))]);
    const { headers, body } = await merge.scrape({ headers: { 'accept-encoding': 'gzip' } });
    expect(headers['content-encoding']).toBe('gzip');
    expect(zlib.gunzipSync(body).toString()).toMatch(/^a 1\n/);
  });

  it.runIf('zstdDecompressSync' in zlib)('packs with zstd when asked to, where Node has it', async () => {
    const { zstdDecompressSync: unpack } = zlib as unknown as { zstdDecompressSync(data: Buffer): Buffer };
    const merge = await merged([application(await serve('a{x="1234567890"} 1\n'.repeat(100_000)))]);
    const { headers, body } = await merge.scrape({ headers: { 'accept-encoding': 'gzip, zstd' } });
    expect(headers['content-encoding']).toBe('zstd');
    expect(unpack(body).toString().match(/^a\{/gm)).toHaveLength(100_000);
  });

  it.runIf(!('zstdDecompressSync' in zlib))('packs with gzip for zstd, where Node has none', async () => {
    const merge = await merged([]);
    const { headers } = await merge.scrape({ headers: { 'accept-encoding': 'zstd, gzip;q=0.5' } });
    expect(headers['content-encoding']).toBe('gzip');
  });
});

describe('METRICS_LOCALHOST_ACCESS_ONLY', () => {
  const other = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

  it('lets this machine in', async () => {
    const merge = await merged([], true);
    expect((await merge.scrape()).status).toBe(200);
  });

  it.runIf(other !== undefined)('refuses every other peer', async () => {
    const metrics = createAgentMetrics('test', () => millis(0));
    const handler = createMetricsHandler({ metrics, sources: [], localhostOnly: true, log: silent });
    const server = await startMetricsServer({ host: other, port: 0, setting: 'test', handler });
    onTestFinished(() => server.close());
    const { status, text } = await get(server.port, { host: other ?? '' });
    expect([status, text]).toEqual([403, 'Only requests from localhost are allowed\n']);
  });
});

describe('the time', () => {
  it('a hung application costs its own metrics only, and the answer comes within the timeout', async () => {
    const merge = await merged([envoy(await serve('envoy_a 1\n')), application(await serve(hang))]);
    const began = performance.now();
    const { text } = await merge.scrape({ timeout: 0.6 });
    expect(performance.now() - began).toBeLessThan(600);
    expect(text).toMatch(/^envoy_a 1\n/);
    expect(sampleValue(text, 'istio_agent_scrape_failures_total{type="application",reason="timeout"}')).toBe(
      1,
    );
  });

  it('an application that hangs in the middle gives what it gave', async () => {
    const app = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': TEXT });
      response.write('a 1\nb 2');
    });
    const merge = await merged([application(app)]);
    const { text } = await merge.scrape({ timeout: 0.4 });
    expect(text).toMatch(/^a 1\n# /);
    expect(sampleValue(text, 'istio_agent_scrape_failures_total{type="application",reason="timeout"}')).toBe(
      1,
    );
  });

  it('a long body flows while an application is slow', async () => {
    const long = `# TYPE a gauge\n${'a{x="1234567890"} 1\n'.repeat(100_000)}`;
    const merge = await merged([envoy(await serve(long)), application(await serve(hang))]);
    const { text } = await merge.scrape({ timeout: 1 });
    expect(text.match(/^a\{/gm)).toHaveLength(100_000);
  });

  it('a client that goes takes its requests to the sources with it', async () => {
    let closed = 0;
    const app = await serve((request) => request.socket.on('close', () => (closed += 1)));
    const merge = await merged([application(app)]);
    const client = createConnection(merge.port, '127.0.0.1', () =>
      client.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'),
    );
    onTestFinished(() => void client.destroy());
    await until('the application is asked', () => app.requests.length === 1);
    client.destroy();
    await until('the question is withdrawn', () => closed === 1, 2_000);
    expect((await merge.scrape({ timeout: 0.3 })).status).toBe(200);
  });

  // Long enough for a busy machine to fill what the kernel holds between the two.
  it('a client that does not read is cut off', async () => {
    const app = await serve('a{x="1234567890"} 1\n'.repeat(3_000_000));
    const handler = createMetricsHandler({
      metrics: createAgentMetrics('test', () => millis(0)),
      sources: [application(app)],
      localhostOnly: false,
      log: silent,
    });
    let cut = false;
    const server = await serve((request, response) => {
      response.on('close', () => {
        cut = !response.writableFinished;
      });
      handler(request, response).catch(ignore);
    });
    const head = 'GET /metrics HTTP/1.1\r\nHost: x\r\nX-Prometheus-Scrape-Timeout-Seconds: 4\r\n\r\n';
    const client = createConnection(server.port, 'localhost', () => client.write(head));
    onTestFinished(() => void client.destroy());
    await until('the answer is cut off', () => cut);
  });
});

describe('many scrapes at a time', () => {
  it('on one connection are answered in turn', async () => {
    let open = 0;
    let most = 0;
    const app = await serve(async (_request, response) => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setTimeout(resolve, 20));
      open -= 1;
      response.end('a 1\n');
    });
    const merge = await merged([application(app)]);
    const client = createConnection(merge.port, '127.0.0.1', () =>
      client.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5)),
    );
    onTestFinished(() => void client.destroy());
    let received = '';
    client.setEncoding('utf8').on('data', (text) => {
      received += text;
    });
    await until('all are answered', () => received.match(/^a 1$/gm)?.length === 5);
    expect(most).toBe(1);
  });

  it('on a connection that goes are forgotten', async () => {
    const app = await serve(hang);
    const merge = await merged([application(app)]);
    const client = createConnection(merge.port, '127.0.0.1', () =>
      client.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(5)),
    );
    onTestFinished(() => void client.destroy());
    await until('the first asks', () => app.requests.length === 1);
    client.destroy();
    await until('the question is withdrawn', () => app.requests[0]?.socket.destroyed);
    await merge.scrape({ timeout: 0.3 });
    expect(app.requests).toHaveLength(2);
  });

  it('each get a whole answer', async () => {
    const lines = Array.from({ length: 2_000 }, (_, i) => `a{number="${i}"} ${i}\n`).join('');
    const merge = await merged([
      envoy(await serve(`# TYPE a gauge\n${lines}`)),
      application(await serve('# TYPE a gauge\na{app="1"} 1\nb 1\n')),
    ]);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) => merge.others({ accept: i % 2 === 0 ? TEXT : OPENMETRICS })),
    );
    for (const [i, answer] of answers.entries()) {
      expect(answer).toBe(`# TYPE a gauge\n${lines}a{app="1"} 1\nb 1\n${i % 2 === 0 ? '' : '# EOF\n'}`);
    }
  });
});

describe('a flood of scrapes', () => {
  it('is refused beyond the 64th, until one of them is over', async () => {
    const answers: (() => void)[] = [];
    const app = await serve((_request, response) => void answers.push(() => response.end('a 1\n')));
    const merge = await merged([application(app)]);
    const all = Array.from({ length: 64 }, () => merge.scrape());
    await until('all have asked', () => answers.length === 64);
    const refused = await merge.scrape();
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
    for (const end of answers.splice(0)) end();
    expect(new Set((await Promise.all(all)).map(({ status }) => status))).toEqual(new Set([200]));
    const again = merge.scrape();
    await until('it asks again', () => answers.length === 1);
    for (const end of answers) end();
    expect((await again).status).toBe(200);
  });
});

describe('the log', () => {
  it('says once that a source fails and once that it is well again', async () => {
    let broken = true;
    const app = await serve((_request, response) => {
      response.statusCode = broken ? 500 : 200;
      response.end('a 1\n');
    });
    const merge = await merged([application(app)]);
    await merge.scrape();
    await merge.scrape();
    broken = false;
    await merge.scrape();
    await merge.scrape();
    expect(merge.log).toEqual([
      'failed scraping application metrics: status 500',
      'scraping application metrics works again',
    ]);
  });
});
