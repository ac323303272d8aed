import { Agent, get } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Clients that go on until they are stopped, and keep count. */
export interface Load {
  /** Requests that came back whole, with 200. */
  succeeded(): number;
  /** What went wrong, one line each. */
  failures(): readonly string[];
  failed(): readonly Failure[];
  stop(): Promise<void>;
}

export interface Failure {
  /** When it was seen, in milliseconds since 1970. */
  readonly at: number;
  readonly what: string;
}

/** Runs `once` on several workers until it is stopped. */
function repeat(
  workers: number,
  once: (worker: number) => Promise<void>,
  close: () => void = () => {},
): Load {
  let stopping = false;
  let succeeded = 0;
  const failures: Failure[] = [];
  const running = Array.from({ length: workers }, async (_, worker) => {
    while (!stopping) {
      try {
        await withDeadline(once(worker));
        succeeded += 1;
      } catch (error) {
        const what = error instanceof Error ? error.message : String(error);
        if (!stopping) failures.push({ at: Date.now(), what });
        // A server that is away must not turn the load into a busy loop.
        await delay(1);
      }
    }
  });
  return {
    succeeded: () => succeeded,
    failures: () => failures.map(({ what }) => what),
    failed: () => failures,
    stop: async () => {
      stopping = true;
      await Promise.all(running);
      close();
    },
  };
}

export interface HttpLoadOptions {
  /** Otherwise each request has a new connection. */
  readonly keepAlive?: boolean;
  /** Between two requests of a worker. */
  readonly pauseMs?: number;
}

/** A client that never gets its answer has lost its request too. */
const DEADLINE_MS = 20_000;

async function withDeadline(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** HTTP/1.1: keep-alive connections with one request after the other; or a new connection for each. */
export function http1Load(
  port: number,
  workers: number,
  { keepAlive = true, pauseMs = 0 }: HttpLoadOptions = {},
): Load {
  const agent = new Agent({ keepAlive, maxSockets: workers });
  return repeat(
    workers,
    async () => {
      await new Promise<void>((resolve, reject) => {
        get({ agent, host: '127.0.0.1', port, path: '/' }, (response) => {
          response.on('error', reject);
          response.on('close', () => {
            if (response.complete && response.statusCode === 200) resolve();
            else reject(new Error(`HTTP/1.1: status ${response.statusCode}, complete ${response.complete}`));
          });
          response.resume();
        }).on('error', (error) => reject(new Error(`HTTP/1.1: ${error.message}`)));
      });
      if (pauseMs > 0) await delay(pauseMs);
    },
    () => agent.destroy(),
  );
}

/** HTTP/2: each worker has a connection and opens a new one when Envoy says GOAWAY, as clients do. */
export function http2Load(port: number, workers: number, { pauseMs = 0 }: HttpLoadOptions = {}): Load {
  const open = () => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => {});
    return session;
  };
  const sessions = Array.from({ length: workers }, open);
  return repeat(
    workers,
    async (worker) => {
      let session = sessions[worker];
      if (session === undefined || session.closed || session.destroyed) {
        session = open();
        const opened = session;
        opened.on('goaway', () => opened.close());
        sessions[worker] = opened;
      }
      const used = session;
      await new Promise<void>((resolve, reject) => {
        const stream = used.request({ ':path': '/' });
        let status = 0;
        stream.on('response', (headers) => {
          status = Number(headers[':status']);
        });
        stream.on('error', (error) => reject(new Error(`HTTP/2: ${error.message}`)));
        stream.on('close', () =>
          status === 200 && stream.rstCode === 0
            ? resolve()
            : reject(new Error(`HTTP/2: status ${status}, reset ${stream.rstCode}`)),
        );
        stream.resume();
        stream.end();
      });
      if (pauseMs > 0) await delay(pauseMs);
    },
    () => {
      for (const session of sessions) session.destroy();
    },
  );
}

/** Raw TCP through a TCP proxy to an echo server: each connection lives for `lifeMs` and sends something every 20 ms. */
export function tcpLoad(port: number, workers: number, lifeMs: number): Load {
  return repeat(workers, async () => {
    const socket = connect({ host: '127.0.0.1', port });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', (error) => reject(new Error(`TCP: ${error.message}`)));
      });
      const end = Date.now() + lifeMs;
      while (Date.now() < end) {
        await echo(socket);
        await delay(20);
      }
    } finally {
      socket.destroy();
    }
  });
}

function echo(socket: ReturnType<typeof connect>): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error) => {
      socket.off('data', onData).off('close', onClose).off('error', done);
      if (error === undefined) resolve();
      else reject(new Error(`TCP: ${error.message}`));
    };
    const onData = () => done();
    const onClose = () => done(new Error('closed before the echo came'));
    if (socket.destroyed) return onClose(); // between two echoes
    socket.on('data', onData).on('close', onClose).on('error', done);
    socket.write('ping');
  });
}
