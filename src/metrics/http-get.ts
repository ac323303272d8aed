/** Asks a server on this machine, and reads its answer into the same memory again and again. */
import { connect, type Socket } from 'node:net';
import type { connect as ConnectTls } from 'node:tls';
import { errorCode } from '../platform/errors.ts';
import { createResponseParser, type ResponseHead } from './http-response.ts';

export interface HttpGet {
  /** Tried in turn while nobody listens there. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** With the query, in the form that a request has. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The name to be told in the handshake. Undefined: plain HTTP. Certificates are not checked. */
  readonly tls?: { readonly servername: string };
}

/** Takes a chunk. The memory is written to again once it has returned, or once what it returned is settled. */
export type OnChunk = (chunk: Buffer) => Promise<void> | undefined;

/**
 * Reads a body to its end, once. No more is read while the chunk before is being taken.
 * @throws what `onChunk` throws; Error when the body is cut off; the reason of the signal
 */
export type ReadBody = (onChunk: OnChunk) => Promise<void>;

export interface Answer extends ResponseHead {
  readonly read: ReadBody;
  /** Lets go of an answer that nobody wants to read. */
  discard(): void;
}

/** One read of the kernel's buffer. It stays in the processor's cache while it goes through. */
const READ_BYTES = 64 * 1024;

/**
 * @param signal ends it at any time, the body too: there is no other deadline
 * @throws Error of the connection, or that the answer is no HTTP; the reason of the signal
 */
export async function httpGet(get: HttpGet, signal: AbortSignal): Promise<Answer> {
  const text = requestText(get);
  const tls = get.tls === undefined ? undefined : await import('node:tls');
  for (const [index, address] of get.addresses.entries()) {
    try {
      // Without a turn of the event loop between the two: an error that nobody listens to ends the process.
      return await ask(open(get, address, tls?.connect), text, signal);
    } catch (error) {
      const isLast = index === get.addresses.length - 1;
      if (isLast || !NOBODY.has(errorCode(error) ?? '')) throw error;
    }
  }
  throw new Error('there is no address to ask');
}

const NOBODY = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL', 'EAFNOSUPPORT']);

function requestText({ path, headers }: HttpGet): string {
  // What has come from a client must not become a line of its own.
  if (/[^!-~\x80-\xff]/.test(path) || Object.values(headers).some((value) => /[\r\n\0]/.test(value))) {
    throw new Error('the path or a header of the question has a character that it must not have');
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}connection: close\r\n\r\n`;
}

interface Connection {
  readonly socket: Socket;
  /** Set before anything is read: takes what was read, and says whether to read on. */
  onRead: (bytes: Buffer) => boolean;
}

function open({ port, tls }: HttpGet, host: string, connectTls: typeof ConnectTls | undefined): Connection {
  if (connectTls !== undefined) {
    const socket = connectTls({ host, port, rejectUnauthorized: false, ...tls });
    const connection: Connection = { socket, onRead: () => true };
    socket.on('data', (bytes: Buffer) => {
      if (!connection.onRead(bytes)) socket.pause();
    });
    return connection;
  }
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const connection: Connection = {
    socket: connect({
      host,
      port,
      onread: { buffer, callback: (count) => connection.onRead(buffer.subarray(0, count)) },
    }),
    onRead: () => true,
  };
  return connection;
}

function ask(connection: Connection, text: string, signal: AbortSignal): Promise<Answer> {
  const { socket } = connection;
  const parser = createResponseParser();
  /** Of the body, read together with the head. */
  let early = Buffer.alloc(0);
  let onChunk: OnChunk | undefined;
  let failure: { readonly error: unknown } | undefined;
  let isOver = false;

  return new Promise<Answer>((resolve, reject) => {
    let onOver = () => {};
    let onFailure: (error: unknown) => void = reject;

    function fail(error: unknown): void {
      if (isOver || failure !== undefined) return;
      failure = { error };
      release();
      onFailure(error);
    }
    function release(): void {
      signal.removeEventListener('abort', abort);
      socket.destroy();
    }
    const abort = () => fail(signal.reason);

    /** @returns whether the memory is free again */
    function give(chunk: Buffer, take: OnChunk): boolean {
      const taking = chunk.length === 0 ? undefined : take(chunk);
      if (taking === undefined) return true;
      taking.then(goOn, fail);
      return false;
    }
    function goOn(): void {
      if (failure !== undefined) return;
      if (parser.isComplete()) succeed();
      else socket.resume();
    }
    function succeed(): void {
      isOver = true;
      release();
      onOver();
    }

    connection.onRead = (bytes) => {
      if (failure !== undefined || isOver) return false;
      try {
        const body = parser.push(bytes);
        if (onChunk !== undefined) {
          const isFree = give(body, onChunk);
          if (isFree && parser.isComplete()) succeed();
          return isFree;
        }
        const head = parser.head();
        if (head === undefined) return true;
        early = Buffer.from(body);
        resolve({ ...head, read, discard: () => fail(new Error('nobody wants to read it')) });
      } catch (error) {
        fail(error);
      }
      return false;
    };

    function read(take: OnChunk): Promise<void> {
      return new Promise<void>((resolveRead, rejectRead) => {
        if (failure !== undefined) return rejectRead(failure.error);
        onOver = resolveRead;
        onFailure = rejectRead;
        onChunk = take;
        try {
          if (give(early, take)) goOn();
        } catch (error) {
          fail(error);
        }
      });
    }

    socket.on('end', () => {
      try {
        parser.end();
        if (onChunk !== undefined) succeed();
      } catch (error) {
        fail(error);
      }
    });
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('the connection ended before the answer')));
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });
    socket.write(text, 'latin1');
  });
}
