import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { applicationSource } from '../../src/metrics/application-source.ts';
import { envoySource } from '../../src/metrics/envoy-source.ts';
import { createSources } from '../../src/metrics/sources.ts';
import { until } from '../support/until.ts';
import { admin, application, envoy, merged, OPENMETRICS, sampleValue, serve, TEXT } from './support.ts';

const failure = (body: string, type: string, reason: string) =>
  sampleValue(body, `istio_agent_scrape_failures_total{type="${type}",reason="${reason}"}`);

describe('what is asked of a source', () => {
  it('Envoy gets the query, nobody else does', async () => {
    const [stats, app] = [await serve('a 1\n'), await serve('b 1\n')];
    const merge = await merged([envoy(stats), application(app, '/m?x=1')]);
    await merge.scrape({ path: '/stats/prometheus?usedonly&filter=^a$&histogram_buckets=summary' });
    expect(stats.requests[0]?.url).toBe('/stats/prometheus?usedonly&filter=^a$&histogram_buckets=summary');
    expect(app.requests[0]?.url).toBe('/m?x=1');
  });

  it('who scrapes and how long there is; no credentials', async () => {
    const [stats, app] = [await serve('a 1\n'), await serve('b 1\n')];
    const merge = await merged([envoy(stats), application(app)]);
    const headers = { authorization: 'Bearer secret', cookie: 'a=b', 'user-agent': 'Prometheus/3' };
    await merge.scrape({ accept: OPENMETRICS, timeout: 4, headers });
    for (const request of [stats.requests[0], app.requests[0]]) {
      expect(request?.headers).toMatchObject({
        'user-agent': 'Prometheus/3',
        'x-prometheus-scrape-timeout-seconds': '3.6',
      });
      expect(request?.headers).not.toHaveProperty('authorization');
      expect(request?.headers).not.toHaveProperty('cookie');
    }
    expect(stats.requests[0]?.headers.accept).toBe('text/plain;version=0.0.4');
    expect(app.requests[0]?.headers.accept).toMatch(/^application\/openmetrics-text;version=1.0.0,/);
  });

  it('text first, when the client wants text', async () => {
    const app = await serve('b 1\n');
    const merge = await merged([application(app)]);
    await merge.scrape();
    expect(app.requests[0]?.headers.accept).toBe('text/plain;version=0.0.4,*/*;q=0.1');
  });

  it('only what the configuration says', () => {
    const scrapeTargets = [{ scheme: 'http', port: 8080, path: '/m?secret=1' }] as const;
    const names = (mergeEnvoyStats: boolean) =>
      createSources({ mergeEnvoyStats, scrapeTargets }, () => undefined).map(({ target }) => target);
    expect(names(true)).toEqual(['envoy', ':8080/m']);
    expect(names(false)).toEqual([':8080/m']);
  });
});

describe('Envoy', () => {
  it('that is away for a moment is asked again', async () => {
    const gone = await serve('a 1\n');
    await gone.close();
    const merge = await merged([envoy(gone)]);
    const answer = merge.scrape({ timeout: 5 });
    const back = await serve('a 2\n', TEXT, gone.port);
    expect((await answer).text).toMatch(/^a 2\n/);
    expect(back.requests).toHaveLength(1);
  });

  it('of the next epoch is asked, once there is one', async () => {
    const next = await serve('a 2\n');
    let asked = 0;
    const merge = await merged([envoySource(() => (asked++ < 2 ? undefined : admin(next)))]);
    expect((await merge.scrape({ timeout: 5 })).text).toMatch(/^a 2\n/);
  });

  it('that stays away is given up in time', async () => {
    const gone = await serve('a 1\n');
    await gone.close();
    const merge = await merged([envoy(gone), application(await serve('b 1\n'))]);
    const { status, text } = await merge.scrape({ timeout: 0.5 });
    expect(status).toBe(200);
    expect(text).toMatch(/^b 1\n/);
    expect((failure(text, 'envoy', 'connect') ?? 0) + (failure(text, 'envoy', 'timeout') ?? 0)).toBe(1);
  });
});

describe('the application', () => {
  it('may answer with gzip', async () => {
    const app = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': TEXT, 'content-encoding': 'gzip' });
      response.end(gzipSync('a 1\n'));
    });
    const merge = await merged([application(app)]);
    expect(await merge.others()).toBe('a 1\n');
    expect(app.requests[0]?.headers['accept-encoding']).toBe('gzip');
  });

  it.each([
    ['that is cut off', gzipSync('a 1\n'.repeat(50_000)).subarray(0, 150), 'truncated'],
    ['that is none', Buffer.from('a 1\n'), 'encoding'],
  ])('is counted for gzip %s', async (_what, body, reason) => {
    const app = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': TEXT, 'content-encoding': 'gzip' });
      response.end(body);
    });
    const merge = await merged([application(app)]);
    expect(failure((await merge.scrape()).text, 'application', reason)).toBe(1);
  });

  it.each([
    [404, 'status'],
    [500, 'status'],
    [204, 'status'],
    [304, 'status'],
  ])('is counted for status %i', async (status, reason) => {
    const app = await serve((_request, response) => {
      response.writeHead(status).end();
    });
    const merge = await merged([application(app)]);
    expect(failure((await merge.scrape()).text, 'application', reason)).toBe(1);
  });

  it('is counted when nobody listens, or what listens is no HTTP', async () => {
    const gone = await serve('a 1\n');
    await gone.close();
    const rude = await serve((request) => request.socket.end('SSH-2.0\r\n'));
    const merge = await merged([application(gone), application(rude)]);
    expect(failure((await merge.scrape()).text, 'application', 'connect')).toBe(2);
  });

  it('may redirect within the machine', async () => {
    const app = await serve((request, response) => {
      if (request.url === '/new') response.end('a 1\n');
      else
        response
          .writeHead(301, {
            location: request.url === '/metrics' ? '/next' : `http://127.0.0.1:${app.port}/new`,
          })
          .end();
    });
    const merge = await merged([application(app)]);
    expect(await merge.others()).toBe('a 1\n');
  });

  it.each(['http://example.com/metrics', 'file:///etc/passwd', 'http://[', '/metrics'])(
    'is not followed to %s',
    async (location) => {
      const app = await serve((_request, response) => {
        response.writeHead(302, { location }).end();
      });
      const merge = await merged([application(app)]);
      expect(failure((await merge.scrape()).text, 'application', 'redirect')).toBe(1);
    },
  );

  it('is asked over TLS, whoever signed its certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pilot-agent-metrics-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string];
    execFileSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -keyout ${key} -out ${cert}`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    );
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      response.setHeader('content-type', TEXT);
      response.write('a 1\n');
      if (request.url === '/metrics') response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const merge = await merged([applicationSource({ scheme: 'https', port, path: '/metrics' })]);
    expect(await merge.others()).toBe('a 1\n');
    const hung = await merged([applicationSource({ scheme: 'https', port, path: '/hangs' })]);
    const { text } = await hung.scrape({ timeout: 0.4 });
    expect(text).toMatch(/^a 1\n/);
    expect(failure(text, 'application', 'timeout')).toBe(1);
  });

  it('may serve metrics in several places, each with a gauge of its own', async () => {
    const [one, two] = [await serve('one 1\n'), await serve('two 2\n')];
    const gone = await serve('three 3\n');
    await gone.close();
    const merge = await merged([application(one, '/m'), application(two), application(gone)]);
    const { text } = await merge.scrape();
    expect(text).toMatch(/^one 1\ntwo 2\n/);
    const up = ({ port }: { readonly port: number }, path: string) =>
      sampleValue(text, `istio_agent_scrape_up{type="application",target=":${port}${path}"}`);
    expect([up(one, '/m'), up(two, '/metrics'), up(gone, '/metrics')]).toEqual([1, 1, 0]);
  });

  it('is left in peace as soon as the time is over', async () => {
    let closed = 0;
    const app = await serve((request) => request.socket.on('close', () => (closed += 1)));
    const merge = await merged([application(app)]);
    await merge.scrape({ timeout: 0.3 });
    await until('its connection is closed', () => closed === 1);
  });
});
