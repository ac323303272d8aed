import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { httpGet } from '../../src/metrics/http-get.ts';
import { until } from '../support/until.ts';
import { serve } from './support.ts';

const never = new AbortController().signal;
const ask = (port: number, addresses: readonly string[] = ['127.0.0.1'], signal = never, path = '/') =>
  httpGet({ addresses, port, path, headers: { host: 'localhost' } }, signal);

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);

describe('httpGet', () => {
  it.runIf(hasIpv6)('goes on to the next address where nobody listens', async () => {
    const server = createServer((_request, response) => response.end('six')).listen(0, '::1');
    onTestFinished(() => void server.close());
    await until('it listens', () => server.listening);
    const answer = await ask((server.address() as AddressInfo).port, ['127.0.0.1', '::1']);
    let body = '';
    await answer.read((chunk) => {
      body += chunk.toString();
      return undefined;
    });
    expect(body).toBe('six');
  });

  it('fails, and ends nothing else, where an address cannot even be tried', async () => {
    const server = await serve('a 1\n');
    await expect(ask(server.port, ['255.255.255.255'])).rejects.toThrow(/connect E/);
  });

  it('reads no more while a chunk is being taken', async () => {
    const server = await serve(Buffer.alloc(4_000_000, 'x'));
    let taking = 0;
    let bytes = 0;
    await (await ask(server.port)).read(async (chunk) => {
      expect(++taking).toBe(1);
      bytes += chunk.length;
      await new Promise((resolve) => setImmediate(resolve));
      taking -= 1;
    });
    expect(bytes).toBe(4_000_000);
  });

  it('passes on what the reader throws, and lets go of the connection', async () => {
    const server = await serve(Buffer.alloc(4_000_000, 'x'));
    const answer = await ask(server.port);
    const reading = answer.read(() => {
      throw new Error('enough');
    });
    await expect(reading).rejects.toThrow('enough');
    await until('the connection is closed', () => server.requests[0]?.socket.destroyed);
  });

  it('ends with the reason of its signal, before the answer and in the middle of it', async () => {
    const hung = await serve((_request, response) => void response.write('x'));
    const controller = new AbortController();
    const answer = await ask(hung.port, ['127.0.0.1'], controller.signal);
    const reading = answer.read(() => undefined);
    controller.abort(new Error('time is over'));
    await expect(reading).rejects.toThrow('time is over');
    await expect(ask(hung.port, ['127.0.0.1'], controller.signal)).rejects.toThrow('time is over');
  });

  it.each(['/a b', '/a\r\nX: y', '/\0', '/\u0100'])('does not send the path %j', async (path) => {
    const server = await serve('a 1\n');
    await expect(ask(server.port, ['127.0.0.1'], never, path)).rejects.toThrow('must not have');
    expect(server.requests).toHaveLength(0);
  });
});
