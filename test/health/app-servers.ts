import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttp2, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Closable } from '../../src/platform/closable.ts';

/** A real application under test: everything that it has open goes with `close`. */
export interface App extends Closable {
  readonly port: number;
  /** Connections that it ever accepted, and those still open. */
  connections(): { readonly accepted: number; readonly open: number };
}

async function listen(server: Server, host: string): Promise<App> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => ({ accepted, open: sockets.size }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export const httpApp = (listener: RequestListener, host = '127.0.0.1') => listen(createHttp(listener), host);
export const tcpApp = (listener: (socket: Socket) => void, host = '127.0.0.1') =>
  listen(createTcp(listener), host);

/** HTTPS with a certificate that nobody signed, made on the spot. */
export function httpsApp(alpn: 'h2' | 'http/1.1', listener: RequestListener): Promise<App> {
  const tls = selfSigned();
  if (alpn === 'http/1.1') return listen(createHttps(tls, listener), '127.0.0.1');
  return listen(createSecureServer({ ...tls, allowHTTP1: true }, listener as never), '127.0.0.1');
}

function selfSigned(): { readonly key: Buffer; readonly cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'cert-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const args = [
      'req',
      '-x509',
      ...curve,
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '1',
      '-subj',
      '/CN=app',
    ];
    execFileSync('openssl', args, { stdio: 'ignore' });
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What a gRPC health server says to a service name. */
export type HealthReply =
  | number
  | { readonly code: number; readonly message?: string }
  | 'trailers only'
  | 'silence';

/** `grpc.health.v1.Health` over plain HTTP/2. */
export function grpcApp(
  reply: (service: string, headers: Record<string, unknown>) => HealthReply,
): Promise<App> {
  const server = createHttp2();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => {});
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const message = Buffer.concat(chunks).subarray(5);
      const answer = reply(
        message.subarray(message[1] !== undefined && message[1] >= 0x80 ? 3 : 2).toString(),
        headers,
      );
      if (answer === 'silence') return;
      const type = { ':status': 200, 'content-type': 'application/grpc' };
      if (answer === 'trailers only') {
        return stream.respond(
          { ...type, 'grpc-status': '12', 'grpc-message': 'unknown method' },
          { endStream: true },
        );
      }
      const trailers =
        typeof answer === 'number'
          ? { 'grpc-status': '0' }
          : { 'grpc-status': String(answer.code), 'grpc-message': answer.message ?? '' };
      stream.respond(type, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      if (typeof answer !== 'number') return stream.end();
      const body = answer === 0 ? Buffer.alloc(0) : Buffer.from([0x08, answer]);
      stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, body.length]), body]));
    });
  });
  return listen(server, '127.0.0.1');
}
