import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Closable } from './closable.ts';
import { limitConnections } from './connection-limit.ts';
import { toError } from './errors.ts';
import { bindError } from './ports.ts';

export interface HttpServerOptions {
  /** Address to bind; undefined binds every address of both families. */
  readonly host?: string | undefined;
  /** Port to bind; 0 takes a free one (tests). */
  readonly port: number;
  /** Where the port comes from, for the error message: `--statusPort`. */
  readonly setting: string;
  readonly handler: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;
  /** 4,096 unless given (tests). */
  readonly maxConnections?: number;
  /** Called with what a handler threw; the client has been answered with 500 by then. */
  readonly onError?: (error: Error, request: IncomingMessage) => void;
}

export interface HttpServer extends Closable {
  readonly port: number;
}

const HEADERS_DEADLINE_MS = 5_000;
const REQUEST_DEADLINE_MS = 10_000;
const IDLE_KEEP_ALIVE_MS = 75_000;
/** What `close` leaves to answers that are under way. */
const CLOSE_GRACE_MS = 250;
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_CONNECTIONS = 4_096;

/**
 * Starts an HTTP/1.1 server with a limit on everything a client may do: header size and time, request time, idle time,
 * number of connections. A handler that throws answers 500 and never ends the process.
 * @throws EnvironmentError naming port and setting when the port cannot be bound
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const listener: RequestListener = (request, response) => {
    Promise.resolve()
      .then(() => options.handler(request, response))
      .catch((thrown: unknown) => {
        // What was cut short must not look whole: with the header gone, only a broken connection says so.
        if (response.headersSent) response.destroy();
        else response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end();
        options.onError?.(toError(thrown), request);
      });
  };
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_DEADLINE_MS,
      requestTimeout: REQUEST_DEADLINE_MS,
      keepAliveTimeout: IDLE_KEEP_ALIVE_MS,
      connectionsCheckingInterval: 2_000,
    },
    listener,
  );
  limitConnections(server, options.maxConnections ?? MAX_CONNECTIONS);
  await listen(server, options);
  let closing: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      closing ??= new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
      });
      return closing;
    },
  };
}

function listen(server: Server, { host, port, setting }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(bindError(error, { host, port, setting })));
    server.listen(host === undefined ? { port } : { host, port }, () => {
      server.removeAllListeners('error');
      server.on('error', () => {});
      resolve();
    });
  });
}
