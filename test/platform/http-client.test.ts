import { createServer, type RequestListener } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { millis } from '../../src/platform/duration.ts';
import { callHttp, openHttp } from '../../src/platform/http-client.ts';
import { until } from '../support/until.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

async function serve(listener: RequestListener): Promise<{ port: number; connections: () => number }> {
  const server = createServer(listener);
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: (server.address() as { port: number }).port, connections: () => connections };
}

async function serveBytes(answer: string): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => socket.end(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

describe('callHttp', () => {
  it('hands back status, headers and body', async () => {
    const { port } = await serve((request, response) => {
      response.writeHead(201, { 'x-method': request.method });
      request.pipe(response);
    });
    const call = {
      host: '127.0.0.1',
      port,
      path: '/',
      method: 'POST',
      body: 'hello',
      deadline: millis(5_000),
    };
    expect(await callHttp(call)).toMatchObject({
      status: 201,
      body: 'hello',
      headers: { 'x-method': 'POST' },
    });
  });

  it('opens a connection per call, so that it never asks an Envoy that has been replaced', async () => {
    const server = await serve((_, response) => response.end('x'));
    for (let i = 0; i < 3; i += 1) {
      await callHttp({ host: '127.0.0.1', port: server.port, path: '/', deadline: millis(5_000) });
    }
    expect(server.connections()).toBe(3);
  });

  it.each([
    ['before the header', () => {}],
    ['in the body', (_: unknown, response: { write(text: string): unknown }) => response.write('half')],
  ] as [string, RequestListener][])('names the address when the time is over %s', async (_, listener) => {
    const { port } = await serve(listener);
    const answer = callHttp({ host: '127.0.0.1', port, path: '/x', deadline: millis(100) });
    await expect(answer).rejects.toMatchObject({
      name: 'TimeoutError',
      message: `http://127.0.0.1:${port}/x: no answer within 100 ms`,
    });
  });

  it.each([
    ['before the call', 0],
    ['during the call', 50],
  ])('ends with the reason of a caller that gives up %s', async (_, after) => {
    const { port } = await serve(() => {});
    const controller = new AbortController();
    const reason = new Error('the client went away');
    if (after === 0) controller.abort(reason);
    else setTimeout(() => controller.abort(reason), after);
    const call = { host: '127.0.0.1', port, path: '/', deadline: millis(5_000), signal: controller.signal };
    await expect(callHttp(call)).rejects.toBe(reason);
  });

  it.each([
    ['nothing', ''],
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
    ['another protocol', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
    ['half a header', 'HTTP/1.1 200 OK\r\ncontent-'],
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['too much', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(1024 * 1024 + 1)}`],
    ['too long a header', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(100_000)}\r\n\r\n`],
  ])('fails at once on a server that answers %s', async (_, answer) => {
    const port = await serveBytes(answer);
    const started = performance.now();
    await expect(
      callHttp({ host: '127.0.0.1', port, path: '/', deadline: millis(10_000) }),
    ).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('says what was refused', async () => {
    const call = { host: '127.0.0.1', port: 1, path: '/', deadline: millis(1_000) };
    await expect(callHttp(call)).rejects.toThrow('ECONNREFUSED 127.0.0.1:1');
  });
});

describe('openHttp', () => {
  it('cuts a stream that goes on past the deadline', async () => {
    const { port } = await serve((_, response) => {
      const timer = setInterval(() => response.write('x'), 5);
      response.on('close', () => clearInterval(timer));
    });
    const stream = await openHttp({ host: '127.0.0.1', port, path: '/', deadline: millis(100) });
    await expect(
      (async () => {
        for await (const _ of stream);
      })(),
    ).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  it('leaves no timer and no listener behind', async () => {
    const { port } = await serve((_, response) => response.end('x'));
    const controller = new AbortController();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    for (let i = 0; i < 20; i += 1) {
      const call = {
        host: '127.0.0.1',
        port,
        path: '/',
        deadline: millis(60_000),
        signal: controller.signal,
      };
      await callHttp(call);
    }
    await until('the timers are gone', () => timers() <= before);
  });
});
