import { connect } from 'node:net';

export interface TimedAnswer {
  /** From the connect to the last byte, in milliseconds. */
  readonly time: number;
  /** With the head. */
  readonly bytes: number;
}

/**
 * One GET over a connection of its own, read into the same memory again and again: a scraper that costs next to nothing, so
 * that what is measured is who answers.
 * @throws Error when the answer is not 200
 */
export function timedGet(port: number, path: string, headers: readonly string[] = []): Promise<TimedAnswer> {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const buffer = Buffer.allocUnsafe(256 * 1024);
    let bytes = 0;
    const socket = connect({
      host: '127.0.0.1',
      port,
      onread: {
        buffer,
        callback: (count, read) => {
          if (bytes === 0 && Buffer.from(read).toString('latin1', 9, 12) !== '200') {
            reject(new Error(`${path} on ${port}: ${Buffer.from(read).toString('latin1', 0, 40)}`));
          }
          bytes += count;
          return true;
        },
      },
    });
    socket.on('error', reject);
    socket.on('close', () => resolve({ time: performance.now() - begun, bytes }));
    const lines = [`GET ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  });
}
