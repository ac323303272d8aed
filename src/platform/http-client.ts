import { Agent, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
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
const agent = new Agent({ keepAlive: true, maxSockets: 16, maxFreeSockets: 2, timeout: 30_000 });

/**
 * Calls a server on this machine and hands back the stream of its answer. `node:http` rather than undici: 2 MB of memory
 * instead of 21 (docs/dependencies.md), in a process that runs beside every application.
 * @throws on connection errors; `TimeoutError` when the deadline passes before the headers; a deadline that passes later
 *   destroys the stream with that error
 */
export function openHttp(call: HttpCall): Promise<IncomingMessage> {
  const timeout = AbortSignal.timeout(Math.max(0, call.deadline));
  const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal]);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        host: call.host,
        port: call.port,
        path: call.path,
        method: call.method ?? 'GET',
        headers: call.headers ?? {},
        signal,
      },
      (response) => {
        signal.addEventListener('abort', () => response.destroy(signal.reason), { once: true });
        resolve(response);
      },
    );
    outgoing.on('error', (error) => reject(signal.aborted ? signal.reason : error));
    outgoing.end(call.body);
  });
}

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
      throw new Error(`the answer of ${call.host}:${call.port}${call.path} is over ${MAX_TEXT_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}
