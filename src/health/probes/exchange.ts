import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { toError } from '../../platform/errors.ts';
import { readFirst } from '../../platform/read-first.ts';
import type { HeaderList } from './headers.ts';
import type { ProbeTarget } from './target.ts';

/** One GET to the application. */
export interface Question {
  readonly scheme: 'http' | 'https';
  readonly port: number;
  readonly path: string;
  /** Host, or `:authority`. */
  readonly host: string;
  readonly headers: HeaderList;
}

export interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  /** At most `MAX_BODY_BYTES`; empty when encoded, for nobody could read it. */
  readonly body: Buffer;
}

/** As much of the application's answer as kubelet would keep. */
export const MAX_BODY_BYTES = 10 * 1024;

/** Asks over a connection that is open already, with `Connection: close`; the socket is closed afterwards. */
export async function exchangeOver(socket: Socket, question: Question, signal: AbortSignal): Promise<Answer> {
  try {
    return await exchange(question, signal, { createConnection: () => socket });
  } finally {
    socket.destroy();
  }
}

/** Asks over kept connections (plain HTTP only), once more when a kept one turns out to be dead. */
export async function exchangeKept(agent: Agent, question: Question, signal: AbortSignal): Promise<Answer> {
  try {
    return await exchange(question, signal, { agent });
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return exchange(question, signal, { agent });
  }
}

class StaleConnection extends Error {}

/** An agent that keeps one connection per port, made by `target`. */
export function keepAliveAgent(target: ProbeTarget): Agent {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 1, timeout: 90_000 });
  return Object.assign(agent, {
    createConnection: (
      options: { readonly port: number; readonly probeSignal: AbortSignal },
      done: (error: Error | null, socket?: Socket) => void,
    ) => {
      target.connect(options.port, options.probeSignal).then(
        (socket) => done(null, socket),
        (error: unknown) => done(toError(error)),
      );
    },
  });
}

type Connection = { readonly agent: Agent } | { readonly createConnection: () => Socket };

async function exchange(question: Question, signal: AbortSignal, connection: Connection): Promise<Answer> {
  let outgoing: ClientRequest | undefined;
  const abort = () => outgoing?.destroy(toError(signal.reason));
  signal.addEventListener('abort', abort, { once: true });
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      signal.throwIfAborted();
      const options = {
        ...connection,
        port: question.port,
        path: question.path,
        headers: [['Host', question.host], ...question.headers].flat(),
        probeSignal: signal,
      };
      const sent = request(options, resolve);
      outgoing = sent;
      sent.on('error', (error) =>
        reject(sent.reusedSocket && !signal.aborted ? new StaleConnection('', { cause: error }) : error),
      );
      sent.on('close', () => reject(new Error('the application closed the connection without an answer')));
      sent.end();
    });
    const encoded = response.headers['content-encoding'] !== undefined;
    const body = await readFirst(response, MAX_BODY_BYTES);
    return {
      status: response.statusCode ?? 0,
      location: response.headers.location,
      body: encoded ? Buffer.alloc(0) : body,
    };
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
