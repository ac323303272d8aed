import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import { toError } from '../../platform/errors.ts';
import { readFirst } from '../../platform/read-first.ts';
import { type Answer, MAX_BODY_BYTES, type Question } from './exchange.ts';
import type { HeaderList } from './headers.ts';

/** Asks over HTTP/2 on a connection that is open already; the socket is closed afterwards. */
export function exchangeHttp2(socket: Socket, question: Question, signal: AbortSignal): Promise<Answer> {
  const headers = {
    ':method': 'GET',
    ':scheme': question.scheme,
    ':authority': question.host,
    ':path': question.path,
    ...joinHeaders(question.headers),
  };
  return withHttp2Stream(socket, headers, undefined, signal, async (stream, response) => {
    const encoded = response['content-encoding'] !== undefined;
    const body = await readFirst(stream, MAX_BODY_BYTES);
    return {
      status: Number(response[':status']),
      location: response.location,
      body: encoded ? Buffer.alloc(0) : body,
    };
  });
}

/**
 * One request and its answer on a session of its own. Whatever happens, session and socket are gone when it settles.
 * @throws the session's or stream's error, the signal's reason, or what `read` throws
 */
export async function withHttp2Stream<T>(
  socket: Socket,
  headers: OutgoingHttpHeaders,
  body: Uint8Array | undefined,
  signal: AbortSignal,
  read: (stream: ClientHttp2Stream, response: IncomingHttpHeaders) => Promise<T>,
): Promise<T> {
  let session: ClientHttp2Session | undefined;
  let abort = () => {};
  try {
    const { connect } = await import('node:http2');
    return await new Promise<T>((resolve, reject) => {
      signal.throwIfAborted();
      abort = () => reject(toError(signal.reason));
      signal.addEventListener('abort', abort, { once: true });
      session = connect('http://application', { createConnection: () => socket });
      session.on('error', reject);
      session.on('close', () => reject(new Error('the application closed the connection without an answer')));
      const stream = session.request(headers, { endStream: body === undefined });
      stream.on('error', reject);
      stream.on('close', () => reject(new Error('the application ended the request without an answer')));
      stream.on('response', (response) => {
        read(stream, response).then(resolve, reject);
      });
      if (body !== undefined) stream.end(body);
    });
  } finally {
    signal.removeEventListener('abort', abort);
    session?.destroy();
    socket.destroy();
  }
}

/** HTTP/2 wants lower-case names, each once. */
function joinHeaders(list: HeaderList): Record<string, string> {
  const headers = new Map<string, string>();
  for (const [name, value] of list) {
    const key = name.toLowerCase();
    const before = headers.get(key);
    headers.set(key, before === undefined ? value : `${before}${key === 'cookie' ? '; ' : ', '}${value}`);
  }
  return Object.fromEntries(headers);
}
