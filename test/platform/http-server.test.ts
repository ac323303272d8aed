import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { millis } from '../../src/platform/duration.ts';
import { callHttp } from '../../src/platform/http-client.ts';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../src/platform/http-server.ts';
import { until } from '../support/until.ts';

const servers: HttpServer[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(options: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    setting: '--statusPort',
    handler: (_, response) => {
      response.end('fine');
    },
    ...options,
  });
  servers.push(server);
  return server;
}

/** Sends bytes as they are and hands back all that comes until the server closes. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    sockets.push(socket);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

const get = (port: number) => callHttp({ host: '127.0.0.1', port, path: '/', deadline: millis(5_000) });

function opened(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    sockets.push(socket);
    socket.on('error', () => {});
  });
}

function answered(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('data', () => resolve());
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  });
}

describe('startHttpServer', () => {
  it('names port and setting when the port is taken', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toThrow(
      `cannot listen on 127.0.0.1:${port} (--statusPort): it is already in use; free the port or set --statusPort to another`,
    );
  });

  it('answers 500 when a handler throws, and tells the owner', async () => {
    const seen: string[] = [];
    const { port } = await start({
      handler: () => {
        throw new Error('oh');
      },
      onError: (error) => seen.push(error.message),
    });
    expect(await get(port)).toMatchObject({ status: 500, body: '' });
    expect(seen).toEqual(['oh']);
  });

  it('breaks the connection when a handler throws half-way, so that half an answer does not look whole', async () => {
    const { port } = await start({
      handler: (_, response) => {
        response.write('half');
        return Promise.reject(new Error('oh'));
      },
    });
    await expect(get(port)).rejects.toThrow();
  });

  it.each([
    ['garbage', '\x00\x01\x02\r\n\r\n', 'HTTP/1.1 400 Bad Request'],
    ['TLS', '\x16\x03\x01\x00\xa5\x01\x00\x00', 'HTTP/1.1 400 Bad Request'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'HTTP/1.1 400 Bad Request'],
    ['headers over the limit', `GET / HTTP/1.1\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`, 'HTTP/1.1 431 '],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
      'HTTP/1.1 400 ',
    ],
  ])('answers %s with an error and closes', async (_, bytes, expected) => {
    const { port } = await start();
    expect(await exchange(port, bytes)).toContain(expected);
    expect(await get(port)).toMatchObject({ status: 200 });
  });

  it('ends a client that sends its header too slowly, or nothing', async () => {
    const { port } = await start();
    const [slow] = await Promise.all([exchange(port, 'GET / HTTP/1.1\r\nhost: x\r\n'), exchange(port, '')]);
    expect(slow).toContain('HTTP/1.1 408 ');
  });

  it('answers though others hold all connections and say nothing, and closes the oldest of those for it', async () => {
    const { port } = await start({ maxConnections: 20 });
    const closed: number[] = [];
    for (let at = 0; at < 20; at += 1) {
      const socket = await opened(port);
      socket.once('close', () => closed.push(at));
      // Half of them have asked once, and keep the connection.
      if (at >= 10) await answered(socket);
    }
    for (let asked = 0; asked < 3; asked += 1) expect(await get(port)).toMatchObject({ status: 200 });
    await until('the oldest is closed', () => closed.length > 0);
    expect(closed[0]).toBe(0);
    expect(closed.length).toBeLessThanOrEqual(3);
  });

  it('cuts no answer short for a new connection', async () => {
    let finish = () => {};
    const wait = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let waiting = 0;
    const server = await start({
      maxConnections: 5,
      handler: async (_, response) => {
        waiting += 1;
        await wait;
        response.end('whole');
      },
    });
    const first = Array.from({ length: 5 }, () => get(server.port));
    await until('all five wait', () => waiting === 5);
    await expect(get(server.port)).rejects.toThrow();
    finish();
    for (const answer of first) expect(await answer).toMatchObject({ body: 'whole' });
  });

  it.each([
    ['lets an answer that is under way come to its end', 50, 'whole'],
    ['waits for no answer that hangs', 60_000, 'cut'],
  ])('%s when it closes', async (_, delay, expected) => {
    let arrived = () => {};
    const request = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = await start({
      handler: (_request, response) => {
        arrived();
        const timer = setTimeout(() => response.end('whole'), delay);
        response.on('close', () => clearTimeout(timer));
      },
    });
    const answer = get(server.port).then(
      ({ body }) => body,
      () => 'cut',
    );
    await request;
    await Promise.all([server.close(), server.close()]);
    expect(await answer).toBe(expected);
  });
});
