import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Closable } from '../../platform/closable.ts';
import { InputError, toError } from '../../platform/errors.ts';
import { bindError } from '../../platform/ports.ts';

/** A certificate chain and its key, in PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface HttpsServerOptions {
  /** Undefined: every address of both families. */
  readonly host?: string | undefined;
  readonly port: number;
  /** Where the port comes from, for the error message. */
  readonly setting: string;
  readonly keyPair: KeyPair;
  readonly handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly onError: (error: Error) => void;
  /** How long a client may take for its headers, its request, and the handshake before them. */
  readonly deadlinesMs?: { readonly headers: number; readonly request: number; readonly handshake: number };
}

export interface HttpsServer extends Closable {
  readonly port: number;
  /**
   * Takes another certificate for new connections; those that are there go on with theirs.
   * @throws InputError when key and certificate do not belong together; the old ones stay
   */
  replaceKeyPair(keyPair: KeyPair): void;
}

const DEADLINES = { headers: 5_000, request: 10_000, handshake: 10_000 };
const IDLE_KEEP_ALIVE_MS = 75_000;
const CHECK_MS = 1_000;
const CLOSE_GRACE_MS = 2_000;
const MAX_CONNECTIONS = 4_096;
const MAX_HEADER_BYTES = 32 * 1024;
const TLS = { minVersion: 'TLSv1.2' } as const;

/**
 * Starts an HTTPS server with a limit on everything that a client may do.
 * @throws InputError when the key pair is none, EnvironmentError when the port cannot be bound
 */
export async function startHttpsServer(options: HttpsServerOptions): Promise<HttpsServer> {
  const { handler, onError, deadlinesMs = DEADLINES } = options;
  const server = createServer(
    {
      ...TLS,
      ...checked(options.keyPair),
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: deadlinesMs.headers,
      requestTimeout: deadlinesMs.request,
      handshakeTimeout: deadlinesMs.handshake,
      keepAliveTimeout: IDLE_KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_MS,
    },
    (request, response) => {
      Promise.resolve()
        .then(() => handler(request, response))
        .catch((thrown: unknown) => {
          if (response.headersSent) response.destroy();
          else
            response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('internal error\n');
          onError(toError(thrown));
        });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, options);
  let closing: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    replaceKeyPair: (keyPair) => server.setSecureContext({ ...TLS, ...checked(keyPair) }),
    close: () => {
      closing ??= new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE_MS);
        server.close(() => {
          clearTimeout(cut);
          resolve();
        });
        server.closeIdleConnections();
      });
      return closing;
    },
  };
}

/** `setSecureContext` would take a pair that does not fit, and every handshake would fail. */
function checked(keyPair: KeyPair): KeyPair {
  try {
    createSecureContext({ ...TLS, ...keyPair });
    return keyPair;
  } catch (thrown) {
    const why = toError(thrown).message;
    throw new InputError([
      `--tlsCertFile, --tlsKeyFile: these are no certificate and its key in PEM: ${why}`,
    ]);
  }
}

function listen(server: Server, { host, port, setting }: HttpsServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(bindError(error, { host, port, setting })));
    server.listen(host === undefined ? { port } : { host, port }, () => {
      server.removeAllListeners('error');
      server.on('error', () => {});
      resolve();
    });
  });
}
