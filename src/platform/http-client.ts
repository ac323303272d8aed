import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { startDeadline } from './deadline.ts';
import type { Millis } from './duration.ts';

export interface HttpCall {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
  /** From the call to the last byte of the answer. */
  readonly deadline: Millis;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const MAX_TEXT_BYTES = 1024 * 1024;
// A connection per call. A kept one would go on asking the old Envoy all through a hot restart: the new one takes the admin
// port, but the old one answers on connections that it already has (seen with Envoy 1.40).
const agent = new Agent({ keepAlive: false });

/**
 * Calls a server on this machine and hands back the stream of its answer. `node:http` rather than undici: 2 MB of memory
 * instead of 21 (docs/dependencies.md), in a process that runs beside every application.
 * @throws on connection errors; `TimeoutError` when the deadline passes before the headers; a deadline that passes later
 *   destroys the stream with that error
 */
export function openHttp(call: HttpCall): Promise<IncomingMessage> {
  const { signal, release } = startDeadline(call.deadline, address(call), call.signal);
  return new Promise<IncomingMessage>((resolve, reject) => {
    signal.throwIfAborted();
    let answer: IncomingMessage | undefined;
    const outgoing = request(
      {
        agent,
        host: call.host,
        port: call.port,
        path: call.path,
        method: call.method ?? 'GET',
        headers: call.headers ?? {},
      },
      (response) => {
        answer = response;
        resolve(response);
      },
    );
    const abort = () => {
      reject(signal.reason);
      answer?.destroy(signal.reason);
      outgoing.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    outgoing.on('error', reject);
    outgoing.on('close', () => {
      release();
      // An answer that is no answer (101 Switching Protocols) closes the request without an error.
      reject(new Error(`${address(call)}: the connection ended before an answer`));
    });
    outgoing.end(call.body);
  }).catch((error: unknown) => {
    release();
    throw error;
  });
}

const address = ({ host, port, path }: HttpCall) =>
  `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;

/**
 * Calls a server on this machine and reads its whole answer as text.
 * @throws as `openHttp`, and when the body is over a MiB
 */
export async function callHttp(call: HttpCall): Promise<HttpAnswer> {
  const response = await openHttp(call);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_TEXT_BYTES) {
      response.destroy();
      throw new Error(`${address(call)}: the answer is over ${MAX_TEXT_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
