import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, onTestFinished } from 'vitest';
import { until } from '../support/until.ts';
import { application, envoy, merged, serve, TEXT } from './support.ts';

const MIB = 1024 * 1024;

async function liveBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const gc: () => void = runInNewContext('gc');
  gc();
  // V8 frees the memory of dead buffers beside the program, after a collection.
  await nextTurn();
  gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** 2,000 series, 200 kB. */
const piece = Buffer.from(
  Array.from({ length: 2_000 }, (_, i) => `long{series="${i}",padding="${'x'.repeat(70)}"} 1\n`).join(''),
);

/** Sends that piece many times, as fast as it is read; `atEnd` is awaited before the last one. */
async function longBody(pieces: number, atEnd: () => void | Promise<void>, sent = (_bytes: number) => {}) {
  return serve(async (_request, response) => {
    response.setMaxListeners(0).writeHead(200, { 'content-type': TEXT });
    for (let i = 0; i < pieces && !response.destroyed; i++) {
      if (i === pieces - 1) await atEnd();
      if (!response.write(piece))
        await Promise.race([once(response, 'drain'), once(response, 'close')]).catch(() => {});
      sent(piece.length);
    }
    response.end();
  });
}

it('200,000 series go through without being held', async () => {
  let growth = 0;
  let before = 0;
  const long = await longBody(100, async () => {
    growth = (await liveBytes()) - before;
  });
  const merge = await merged([envoy(long), application(await serve('# TYPE app gauge\napp 1\n'))]);
  let bytes = 0;
  before = await liveBytes();
  const response = await fetchStream(merge.port);
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
  expect(bytes).toBeGreaterThan(100 * piece.length);
  expect(growth).toBeLessThan(8 * MIB);
});

it('a client that reads nothing stops the source', async () => {
  let sent = 0;
  const long = await longBody(
    1_000,
    () => {},
    (bytes) => {
      sent += bytes;
    },
  );
  const merge = await merged([envoy(long)]);
  const client = createConnection(merge.port, '127.0.0.1', () =>
    client.write('GET /metrics HTTP/1.0\r\n\r\n'),
  );
  onTestFinished(() => void client.destroy());
  client.pause();
  let last = -1;
  await until('the source is at a standstill', async () => {
    const standing = sent > 0 && sent === last;
    last = sent;
    return standing;
  });
  // What the kernel's buffers take, on two connections.
  expect(sent).toBeLessThan(64 * MIB);
});

async function fetchStream(port: number): Promise<IncomingMessage> {
  const { get } = await import('node:http');
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: '/metrics', agent: false }, resolve).on('error', reject);
  });
}
