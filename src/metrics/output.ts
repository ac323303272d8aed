import type { Writable } from 'node:stream';

/** What the merge writes to: bytes are gathered in blocks, and a block that the client has taken is used again. */
export interface Output {
  /** Copies `[from, to)`; the caller keeps its buffer. */
  bytes(buffer: Buffer, from: number, to: number): void;
  text(text: string): void;
  /** To be asked after each piece of work: whether `ready` is to be awaited before the next one. */
  isFull(): boolean;
  /**
   * Resolves when the client has room again, so that a slow client slows the sources and does not fill the memory.
   * @throws when the client has gone
   */
  ready(): Promise<void>;
  /** Hands over what is left and ends the stream. */
  end(): void;
}

type Block = ReturnType<typeof Buffer.allocUnsafeSlow>;
const BLOCK_BYTES = 64 * 1024;
/** What may wait in the stream. Less would stop and start the source again at each block, which the client mostly takes at once. */
const MAX_WAITING_BYTES = 4 * BLOCK_BYTES;

export function createOutput(stream: Writable): Output {
  const free: Block[] = [];
  let block: Block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  let used = 0;

  function flush(): void {
    if (used === 0) return;
    const full = block;
    stream.write(full.subarray(0, used), () => free.push(full));
    block = free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES);
    used = 0;
  }

  function bytes(buffer: Buffer, from: number, to: number): void {
    for (let at = from; at < to; ) {
      const length = Math.min(to - at, BLOCK_BYTES - used);
      buffer.copy(block, used, at, at + length);
      at += length;
      used += length;
      if (used === BLOCK_BYTES) flush();
    }
  }

  return {
    bytes,
    text(text) {
      if (3 * text.length <= BLOCK_BYTES - used) {
        used += block.write(text, used);
        return;
      }
      const encoded = Buffer.from(text);
      bytes(encoded, 0, encoded.length);
    },
    isFull: () => stream.destroyed || stream.writableLength > MAX_WAITING_BYTES,
    async ready() {
      if (stream.destroyed) throw new Error('the client has gone');
      if (stream.writableLength > MAX_WAITING_BYTES && stream.writableNeedDrain) await drained(stream);
    },
    end() {
      flush();
      stream.end();
    },
  };
}

function drained(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => {
      stream.off('close', onClose);
      resolve();
    };
    const onClose = () => {
      stream.off('drain', onDrain);
      reject(new Error('the client has gone'));
    };
    stream.once('drain', onDrain);
    stream.once('close', onClose);
  });
}
