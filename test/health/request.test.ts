import type { RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { sendRequest } from '../../src/health/request.ts';
import { parseRequestArgs, requestHelp } from '../../src/health/request-args.ts';
import { millis } from '../../src/platform/duration.ts';
import { type App, httpApp } from './app-servers.ts';

describe('sendRequest', () => {
  const apps: App[] = [];
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });
  const serve = async (listener: RequestListener, host?: string) => {
    const app = await httpApp(listener, host);
    apps.push(app);
    return app.port;
  };

  it.each(['stats?filter=server', '/stats?filter=server'])('sends method, %s and body', async (path) => {
    const port = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      response.end(`${request.method} ${request.url} ${Buffer.concat(chunks)}`);
    });
    expect(await sendRequest({ port, method: 'POST', path, body: 'x=1' })).toBe(
      'POST /stats?filter=server x=1',
    );
  });

  it('finds a server that listens in IPv6 only', async () => {
    const port = await serve((_, response) => response.end('six'), '::1');
    expect(await sendRequest({ port, method: 'GET', path: '' })).toBe('six');
  });

  it.each([200, 204, 302, 399, 404])('takes %d for success', async (status) => {
    const port = await serve((_, response) =>
      response.writeHead(status).end(status === 204 ? undefined : 'body'),
    );
    expect(await sendRequest({ port, method: 'GET', path: 'x' })).toBe(status === 204 ? '' : 'body');
  });

  it.each([400, 403, 405, 500, 503])('fails on %d with the body', async (status) => {
    const port = await serve((_, response) => response.writeHead(status).end('why\n'));
    await expect(sendRequest({ port, method: 'GET', path: 'x' })).rejects.toThrow(
      `received unsuccessful status code ${status}: why`,
    );
  });

  it('says what was asked when there is no answer', async () => {
    const port = await serve(() => {});
    const sent = sendRequest({ port, method: 'GET', path: 'x' }, millis(100));
    await expect(sent).rejects.toThrow(`GET http://localhost:${port}/x: no answer within 100 ms`);
    const refused = sendRequest({ port: 1, method: 'GET', path: '' });
    await expect(refused).rejects.toThrow(/^GET http:\/\/localhost:1\/: connect ECONNREFUSED 127\.0\.0\.1:1/);
  });
});

describe('parseRequestArgs', () => {
  const options = { port: 15000, method: 'GET', path: 'stats', body: undefined };
  it.each([
    [['GET', 'stats'], {}],
    [['--debug-port=15020', 'POST', 'drain'], { port: 15020, method: 'POST', path: 'drain' }],
    [
      ['POST', 'drain', '--debug-port', '15021', 'text'],
      { port: 15021, method: 'POST', path: 'drain', body: 'text' },
    ],
    [['GET', '--', '-x', '--help'], { path: '-x', body: '--help' }],
  ])('%j', (argv, changed) => {
    expect(parseRequestArgs(argv)).toEqual({ kind: 'request', options: { ...options, ...changed } });
  });

  it('has help', () => {
    expect(parseRequestArgs(['-h'])).toEqual({ kind: 'help' });
    expect(requestHelp).toContain('pilot-agent request --debug-port=15020 POST drain');
  });

  it.each([
    [
      ['GET', 'stats', '--debug-port=80'],
      '--debug-port: debug port 80 is not in allowed list [15000 15004 15020 15021]',
    ],
    [['GET', 'stats', '--debug-port=x'], '--debug-port: expected a whole number of at least 1, got "x"'],
    [['GET'], 'request takes a method and a path, for example: pilot-agent request GET stats'],
    [['G T', 'stats'], 'expected an HTTP method such as GET, got "G T"'],
    [['GET', 'a', 'b', 'c'], 'unexpected argument "c" after the body'],
    [['GET', 'a', '--port=1'], 'unknown flag: --port (known: --debug-port)'],
  ])('%j: %s', (argv, message) => {
    expect(() => parseRequestArgs(argv)).toThrow(message);
  });

  it('names every problem', () => {
    expect(() => parseRequestArgs(['--debug-port=1', '--port=2'])).toThrow('3 errors occurred:');
  });
});
