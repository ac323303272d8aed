import { connect, type Socket } from 'node:net';

export interface Paced {
  readonly perSecond: number;
  /** Milliseconds from when a request was due to its answer, sorted. */
  readonly times: readonly number[];
  /** Answers other than 200. */
  readonly refused: number;
}

/**
 * Sends requests at a fixed rate, whatever becomes of the answers, over a few kept connections, one at a time on each. A time counts
 * from when the request was due, so that a stall counts for all who would have come meanwhile.
 */
export async function pacedLoad(
  port: number,
  path: string,
  { rate, seconds, connections }: { rate: number; seconds: number; connections: number },
): Promise<Paced> {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const total = rate * seconds;
  const times = new Float64Array(total);
  let [sent, answered, refused] = [0, 0, 0];
  const idle: Socket[] = [];
  const dueOf = new Map<Socket, number>();
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  for (const socket of sockets) {
    idle.push(socket);
    socket.on('data', (chunk) => {
      times[answered] = performance.now() - (dueOf.get(socket) ?? 0);
      answered += 1;
      if (!chunk.toString('latin1', 9, 12).startsWith('200')) refused += 1;
      idle.push(socket);
    });
  }
  const begun = performance.now();
  await new Promise<void>((resolve, reject) => {
    const turn = () => {
      const now = performance.now();
      while (sent < total && idle.length > 0) {
        const due = begun + (sent * 1_000) / rate;
        if (due > now) break;
        const socket = idle.shift();
        if (socket === undefined) break;
        dueOf.set(socket, due);
        socket.write(request);
        sent += 1;
      }
      if (answered === total) resolve();
      else if (now - begun > seconds * 3_000) reject(new Error(`only ${answered} of ${total} answers came`));
      else setImmediate(turn);
    };
    turn();
  });
  const took = performance.now() - begun;
  for (const socket of sockets) socket.destroy();
  return { perSecond: (total / took) * 1_000, times: [...times.sort()], refused };
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}
