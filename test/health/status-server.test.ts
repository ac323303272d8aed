import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import fc from 'fast-check';
import { request as undici } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import type { AppProber } from '../../src/config/app-probers.ts';
import { isLocalTool } from '../../src/health/locality.ts';
import type { Readiness } from '../../src/health/readiness.ts';
import { localPost } from '../../src/health/routes.ts';
import { type StatusServerOptions, startStatusServer } from '../../src/health/status-server.ts';
import { millis } from '../../src/platform/duration.ts';
import type { HttpServer } from '../../src/platform/http-server.ts';
import { until } from '../support/until.ts';
import { httpApp, tcpApp } from './app-servers.ts';
import { recordingLogger } from './recording-logger.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(
  options: Partial<StatusServerOptions> = {},
  deps: Partial<StatusServerOptions['deps']> = {},
) {
  const log = recordingLogger();
  const calls: string[] = [];
  const server: HttpServer = await startStatusServer({
    port: 0,
    ...options,
    deps: {
      readiness: () => Promise.resolve({ ready: true }),
      live: () => ({ alive: true }),
      metrics: (_, response) => {
        response.end('metrics');
      },
      quit: () => calls.push('quit'),
      drain: () => {
        calls.push('drain');
        return Promise.resolve();
      },
      log,
      appProbers: new Map(),
      proberOptions: {
        instanceIp: '127.0.0.1',
        localhostDestination: false,
        statusPort: 15020,
        http2: true,
        keepAlive: false,
      },
      ...deps,
    },
  });
  cleanups.push(() => server.close());
  const ask = async (
    path: string,
    init: { method?: string; headers?: Record<string, string>; host?: string } = {},
  ) => {
    const url = `http://${init.host ?? '127.0.0.1'}:${server.port}${path}`;
    const answer = await undici(url, { method: 'GET', ...init, reset: true } as Parameters<typeof undici>[1]);
    return { status: answer.statusCode, headers: answer.headers, body: await answer.body.text() };
  };
  return { port: server.port, ask, log, calls };
}

describe('/healthz/ready', () => {
  it('is 200 and empty, or 200 with a note, or 503 with the reason in one line', async () => {
    let readiness: Readiness = { ready: true };
    const { ask } = await start({}, { readiness: () => Promise.resolve(readiness) });
    expect(await ask('/healthz/ready')).toMatchObject({ status: 200, body: '' });
    readiness = { ready: true, note: 'a rejection' };
    expect(await ask('/healthz/ready')).toMatchObject({ status: 200, body: 'a rejection\n' });
    readiness = { ready: false, reason: 'two\nlines' };
    expect(await ask('/healthz/ready', { method: 'POST' })).toMatchObject({
      status: 503,
      body: 'two lines\n',
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    });
    expect(await ask('/healthz/ready?x', { method: 'HEAD' })).toMatchObject({ status: 503, body: '' });
  });

  it('logs a change, not every probe', async () => {
    const answers: Readiness[] = [
      { ready: false, reason: 'a' },
      { ready: false, reason: 'a' },
      { ready: false, reason: 'b' },
      { ready: true },
      { ready: true },
      { ready: false, reason: 'b' },
    ];
    const left = [...answers];
    const { ask, log } = await start(
      {},
      { readiness: () => Promise.resolve(left.shift() ?? { ready: true }) },
    );
    for (const _ of answers) await ask('/healthz/ready');
    expect(log.lines).toEqual([
      'info Envoy proxy is NOT ready: a',
      'info Envoy proxy is NOT ready: b',
      'info Envoy proxy is ready',
      'info Envoy proxy is NOT ready: b',
    ]);
  });

  it('is 503 when the question itself fails', async () => {
    const { ask } = await start({}, { readiness: () => Promise.reject(new Error('oh')) });
    expect(await ask('/healthz/ready')).toMatchObject({ status: 503, body: 'oh\n' });
  });
});

it('/healthz/live is 200, and 503 with the reason when the agent cannot recover', async () => {
  let dead = false;
  const { ask } = await start(
    {},
    { live: () => (dead ? { alive: false, reason: 'gone' } : { alive: true }) },
  );
  expect(await ask('/healthz/live')).toMatchObject({ status: 200, body: '' });
  dead = true;
  expect(await ask('/healthz/live')).toMatchObject({ status: 503, body: 'gone\n' });
});

describe.each([
  ['/quitquitquit', 'quit'],
  ['/drain', 'drain'],
])('%s', (path, call) => {
  const ownAddresses = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);

  it('takes a POST from this machine, in IPv4 and IPv6', async () => {
    const { ask, calls } = await start();
    for (const host of ['127.0.0.1', '127.9.9.9', '[::1]']) {
      expect(await ask(path, { method: 'POST', host })).toMatchObject({ status: 200, body: 'OK' });
    }
    await until('all calls came', () => calls.length === 3);
    expect(new Set(calls)).toEqual(new Set([call]));
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s', async (method) => {
    const { ask, calls } = await start();
    expect(await ask(path, { method })).toMatchObject({
      status: 405,
      body: method === 'HEAD' ? '' : 'Method Not Allowed\n',
      headers: { allow: 'POST' },
    });
    expect(calls).toEqual([]);
  });

  it.each([
    ['an Origin', { origin: 'http://localhost:15020' }],
    ['an Origin of null', { origin: 'null' }],
    ['a fetch of a browser', { 'sec-fetch-site': 'cross-site' }],
    ['a Host that was rebound', { host: 'evil.example:15020' }],
    ['a Host that looks local', { host: '127.0.0.1.evil.example' }],
  ])('refuses %s, whatever the method', async (_, headers) => {
    const { ask, calls } = await start();
    for (const method of ['POST', 'GET']) {
      expect(await ask(path, { method, headers })).toMatchObject({
        status: 403,
        body: 'Only requests from localhost are allowed\n',
      });
    }
    expect(calls).toEqual([]);
  });

  it('refuses a peer that is not loopback, though it be this machine', async () => {
    const { ask, calls } = await start();
    for (const host of ownAddresses) {
      const headers = { host: 'localhost' };
      expect(await ask(path, { method: 'POST', host, headers })).toMatchObject({ status: 403 });
    }
    expect(calls).toEqual([]);
  });
});

it('/drain answers when the drain has ended, and with the reason when it fails', async () => {
  let end: (error?: Error) => void = () => {};
  const drain = () =>
    new Promise<void>((resolve, reject) => {
      end = (error) => (error === undefined ? resolve() : reject(error));
    });
  const { ask, log } = await start({}, { drain });
  let answered = false;
  const first = ask('/drain', { method: 'POST' }).finally(() => {
    answered = true;
  });
  await until('it drains', () => log.lines.length === 1);
  expect(answered).toBe(false);
  end();
  expect(await first).toMatchObject({ status: 200 });
  const second = ask('/drain', { method: 'POST' });
  await until('it drains again', () => log.lines.length === 2);
  end(new Error('Envoy is gone'));
  expect(await second).toMatchObject({ status: 500, body: 'drain failed: Envoy is gone\n' });
});

describe('isLocalTool', () => {
  it.each([
    ['127.0.0.1', 'localhost', true],
    ['127.0.0.1', 'LOCALHOST:15020', true],
    ['::1', '[::1]:15020', true],
    ['::ffff:127.0.0.6', '127.0.0.1', true],
    ['127.0.0.1', '[::ffff:127.0.0.1]', true],
    ['127.0.0.1', undefined, true],
    ['127.0.0.1', '', true],
    ['127.0.0.1', '127.evil.example', false],
    ['127.0.0.1', 'localhost.evil.example', false],
    ['127.0.0.1', 'localhost:80:80', false],
    ['127.0.0.1', '[::1', false],
    ['127.0.0.1', '10.0.0.1:15020', false],
    ['10.0.0.1', 'localhost', false],
    ['::ffff:10.0.0.1', 'localhost', false],
    ['::2', 'localhost', false],
    ['127.0.0.1.evil', 'localhost', false],
    [undefined, 'localhost', false],
  ])('peer %s with Host %s: %s', (peer, host, expected) => {
    expect(isLocalTool({ peer, headers: { host } })).toBe(expected);
  });
});

describe('routes', () => {
  it.each(['/stats/prometheus', '/metrics', '/metrics?usedonly'])('%s is the metrics', async (path) => {
    const { ask } = await start();
    expect(await ask(path)).toMatchObject({ status: 200, body: 'metrics' });
  });

  it.each([
    '/',
    '/stats',
    '/metrics/',
    '/healthz',
    '/healthz/ready/',
    '/__proto__',
    '/%68ealthz/ready',
    '//metrics',
  ])('%s is not found', async (path) => {
    const { ask } = await start();
    expect(await ask(path)).toMatchObject({
      status: 404,
      body: '404 page not found\n',
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    });
  });

  it('can be added, and guarded', async () => {
    const { ask } = await start({
      extraRoutes: new Map([
        ['/', (_, response) => void response.end('page')],
        ['/restart', localPost((_, response) => void response.end('again'))],
      ]),
    });
    expect(await ask('/')).toMatchObject({ body: 'page' });
    expect(await ask('/restart')).toMatchObject({ status: 405 });
    expect(await ask('/restart', { method: 'POST' })).toMatchObject({ body: 'again' });
  });
});

describe('/app-health', () => {
  const prober = (port: number, timeout = 2_000): AppProber => ({
    kind: 'http',
    scheme: 'http',
    port,
    path: '/',
    hostHeader: undefined,
    timeout: millis(timeout),
  });

  it('asks the application, with the Host that it expects', async () => {
    const app = await httpApp((request, response) =>
      response.writeHead(503).end(`not yet ${request.headers.host}`),
    );
    cleanups.push(app.close);
    const { ask, log } = await start(
      {},
      { appProbers: new Map([['/app-health/web/readyz', prober(app.port)]]) },
    );
    const headers = { host: '10.0.0.1:15020' };
    const answer = { status: 503, body: `not yet 10.0.0.1:${app.port}` };
    expect(await ask('/app-health/web/readyz?x', { headers, method: 'POST' })).toMatchObject(answer);
    expect(await ask('/app-health/web/readyz', { headers })).toMatchObject(answer);
    expect(log.lines).toEqual(['info application probe /app-health/web/readyz fails: answered 503']);
  });

  it.each([
    '/app-health/web/livez',
    '/app-health/web/readyz/',
    '/app-lifecycle/web/prestopz',
    '/app-health/',
  ])('answers 400 to %s, which nobody configured', async (path) => {
    const { ask } = await start({}, { appProbers: new Map([['/app-health/web/readyz', prober(1)]]) });
    const body = `app prober config does not exists for ${path}`;
    expect(await ask(path)).toMatchObject({ status: 400, body });
  });

  it('gives up when its client does', async () => {
    const app = await tcpApp((socket) => void socket.resume());
    cleanups.push(app.close);
    const { port } = await start(
      {},
      { appProbers: new Map([['/app-health/web/readyz', prober(app.port, 60_000)]]) },
    );
    const client = connect(port, '127.0.0.1', () =>
      client.write('GET /app-health/web/readyz HTTP/1.0\r\n\r\n'),
    );
    await until('the application is asked', () => app.connections().open === 1);
    client.destroy();
    await until('the application is left alone', () => app.connections().open === 0);
  });
});

describe('the server', () => {
  it('answers 500 probes at once', async () => {
    const app = await httpApp((_, response) => void response.end('fine'));
    cleanups.push(app.close);
    const appProbers = new Map<string, AppProber>([
      ['/app-health/web/readyz', { kind: 'tcp', port: app.port, timeout: millis(10_000) }],
    ]);
    const { ask } = await start({}, { appProbers });
    const paths = ['/healthz/ready', '/app-health/web/readyz', '/metrics', '/nothing'];
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, i) => ask(paths[i % paths.length] ?? '/').then(({ status }) => status)),
    );
    expect(answers).toEqual(Array.from({ length: 500 }, (_, i) => (i % paths.length === 3 ? 404 : 200)));
  });

  it('answers while clients send their headers slowly', async () => {
    const { port, ask } = await start();
    const slow: Socket[] = Array.from({ length: 200 }, () => {
      const socket = connect(port, '127.0.0.1', () => socket.write('GET /healthz/ready HTTP/1.1\r\nx'));
      socket.on('error', () => {});
      return socket;
    });
    await until('they are connected', () => slow.every((socket) => socket.readyState === 'open'));
    expect(await ask('/healthz/ready')).toMatchObject({ status: 200 });
    for (const socket of slow) socket.destroy();
  });

  it('outlives any bytes, methods, paths and headers', async () => {
    const { port, ask } = await start();
    const text = fc.string({ unit: 'binary', maxLength: 40 });
    const path = fc.oneof(
      text,
      fc.constantFrom('/healthz/ready', '/drain', '/app-health/a/livez', '*', 'http://x/metrics'),
    );
    const method = fc.oneof(text, fc.constantFrom('GET', 'POST', 'CONNECT', 'OPTIONS', 'HEAD', 'PRI'));
    await fc.assert(
      fc.asyncProperty(
        method,
        path,
        fc.array(fc.tuple(text, text)),
        text,
        async (verb, url, headers, body) => {
          const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
          await exchange(
            port,
            `${verb} ${url} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${lines}\r\n${body}`,
          );
        },
      ),
      { numRuns: 300 },
    );
    expect(await ask('/healthz/live')).toMatchObject({ status: 200 });
  });
});

/** Sends bytes and half-closes; resolves when the server has closed. */
function exchange(port: number, bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes));
    socket.resume();
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
}
