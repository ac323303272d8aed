/** The two HTTP servers of the agent under everything that is no good request, over an application that answers garbage. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startStatusServer } from '../../src/health/status-server.ts';
import { applicationSource } from '../../src/metrics/application-source.ts';
import { createMetricsHandler } from '../../src/metrics/handler.ts';
import { createAgentMetrics } from '../../src/metrics/registry.ts';
import { startMetricsServer } from '../../src/metrics/server.ts';
import { millis } from '../../src/platform/duration.ts';
import type { Logger } from '../../src/platform/logger.ts';
import type { Random } from '../storm/random.ts';
import type { OnClose } from '../support/on-close.ts';
import { randomBytes, spoil } from './spoil.ts';

/** How long a bad client is put up with in a round. It asserts nothing. */
const VISIT_MS = 30;
const ANSWER_MS = 10_000;
const PATHS = [
  '/metrics',
  '/stats/prometheus?usedonly',
  '/healthz/ready',
  '/app-health/app/readyz',
  '/quitquitquit',
];
const ANSWER =
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n';
const silent: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  scope: () => silent,
};

export interface Servers {
  /** One bad client, then a good one of each server. @throws when that is not answered, or a handler threw meanwhile */
  round(): Promise<void>;
}

export async function startServers(onClose: OnClose, random: Random): Promise<Servers> {
  const errors: Error[] = [];
  const application = await startGarbage(onClose, random);
  const metrics = createMetricsHandler({
    metrics: createAgentMetrics('fuzz', () => millis(0)),
    sources: [applicationSource({ scheme: 'http', port: application, path: '/metrics' })],
    localhostOnly: false,
    log: silent,
  });
  const merged = await startMetricsServer({
    host: '127.0.0.1',
    port: 0,
    setting: 'fuzz',
    handler: metrics,
    onError: (error) => errors.push(error),
  });
  onClose(() => merged.close());
  const status = await startStatusServer({
    port: 0,
    deps: {
      readiness: async () => ({ ready: true }),
      live: () => ({ alive: true }),
      metrics,
      quit: () => {},
      drain: async () => {},
      log: silent,
      appProbers: new Map(),
      proberOptions: {
        instanceIp: '127.0.0.1',
        localhostDestination: false,
        statusPort: 0,
        http2: false,
        keepAlive: false,
      },
    },
  });
  onClose(() => status.close());
  return {
    async round() {
      const port = random.next() < 0.5 ? merged.port : status.port;
      await visit(random, port);
      await expectAnswer(merged.port, '/metrics');
      await expectAnswer(status.port, '/healthz/ready');
      const [error] = errors;
      if (error !== undefined) throw new Error(`a handler threw ${error.message}`, { cause: error });
    },
  };
}

/** An application that answers with bytes that are nearly metrics over nearly HTTP, and sometimes goes in the middle. */
async function startGarbage(onClose: OnClose, random: Random): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.once('data', () => {
      socket.write(spoil(random, Buffer.from(ANSWER)));
      if (random.next() < 0.2) socket.resetAndDestroy();
      else socket.end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onClose(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

type Attack = (random: Random, request: Buffer) => readonly Buffer[];

const ATTACKS: readonly (readonly [number, Attack])[] = [
  [2, (random) => [randomBytes(random, random.between(1, 2_000))]],
  [4, (random, request) => [spoil(random, request)]],
  [2, (random, request) => [request.subarray(0, random.between(0, request.length))]],
  [1, (random, request) => Array.from({ length: random.between(2, 50) }, () => request)],
  [1, (random) => [Buffer.from(`GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(random.between(100, 20_000))}\r\n`)]],
  [
    1,
    (random) => [Buffer.from(`GET / HTTP/1.1\r\nX: ${'y'.repeat(random.between(1_000, 200_000))}\r\n\r\n`)],
  ],
  [1, (random) => [Buffer.from(`GET /${'%'.repeat(random.between(1, 60_000))} HTTP/1.1\r\nHost: x\r\n\r\n`)]],
  [1, (random, request) => [...request].slice(0, random.between(1, 40)).map((byte) => Buffer.from([byte]))],
  [
    1,
    (random) => [
      Buffer.from('POST /drain HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n'),
      randomBytes(random, 500),
    ],
  ],
];

/** One client that misbehaves, and leaves by any of three ways. */
async function visit(random: Random, port: number): Promise<void> {
  const path = random.pick(PATHS.map((each) => [1, each] as const));
  const request = Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain;q=0.5\r\nX-Prometheus-Scrape-Timeout-Seconds: 1\r\n\r\n`,
  );
  const pieces = random.pick(ATTACKS)(random, request);
  const leave = random.pick<(socket: Socket) => unknown>([
    [1, (socket) => socket.end()],
    [1, (socket) => socket.destroy()],
    [1, (socket) => socket.resetAndDestroy()],
  ]);
  const socket = connect(port, '127.0.0.1');
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.on('error', () => {}).resume();
  for (const piece of pieces) socket.write(piece);
  const visit = new AbortController();
  await Promise.race([closed, delay(VISIT_MS, undefined, { signal: visit.signal }).catch(() => {})]);
  visit.abort();
  leave(socket);
  // One that only ended its half waits for the server; nobody waits for it.
  if (!socket.destroyed) socket.setTimeout(VISIT_MS, () => socket.destroy());
}

function expectAnswer(port: number, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1');
    const timer = setTimeout(() => socket.destroy(new Error(`${path} is not answered any more`)), ANSWER_MS);
    socket.on('data', (bytes) => (answer += bytes.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      if (/^HTTP\/1\.1 200 /.test(answer)) resolve();
      else reject(new Error(`${path} is answered with ${JSON.stringify(answer.slice(0, 80))}`));
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  });
}
