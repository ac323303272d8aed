import type { Readable } from 'node:stream';

/** What waits to be read before the stream is paused. */
const QUEUE_BYTES = 64 * 1024;

/**
 * The chunks of a stream as they come. A stream's own iterator makes one new buffer of all that waits, which costs a copy
 * of everything that is read. To be called before the stream flows, and iterated once.
 */
export function chunksOf(stream: Readable): AsyncIterable<Buffer> {
  const queue: Buffer[] = [];
  let bytes = 0;
  let end: { readonly error: unknown } | undefined;
  let wake = () => {};
  const finish = (error: unknown) => {
    end ??= { error };
    wake();
  };
  stream.on('data', (chunk: Buffer) => {
    queue.push(chunk);
    bytes += chunk.length;
    if (bytes >= QUEUE_BYTES) stream.pause();
    wake();
  });
  stream.on('end', () => finish(undefined));
  stream.on('error', finish);
  stream.on('close', () => finish(stream.errored ?? new Error('the connection ended before the body')));

  async function next(): Promise<IteratorResult<Buffer>> {
    while (queue.length === 0 && end === undefined) {
      if (stream.isPaused()) stream.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const value = queue.shift();
    if (value !== undefined) {
      bytes -= value.length;
      return { done: false, value };
    }
    if (end?.error !== undefined) throw end.error;
    return { done: true, value: undefined };
  }
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        stream.destroy();
        return { done: true, value: undefined };
      },
    }),
  };
}
