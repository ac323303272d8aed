import { readVarint } from './protobuf-reader.ts';

export interface FrameReader {
  /** @throws RangeError when a message is too long to be one */
  push(chunk: Buffer): void;
  /** Whether the bytes so far end with a message. */
  isComplete(): boolean;
}

/** A family of one metric of each of 50,000 clusters is no longer. It bounds what is held. */
const MAX_FRAME_BYTES = 8 * 1024 * 1024;
const MAX_LENGTH_BYTES = 10;

/** Cuts a body of length-delimited messages, chunked anywhere, into messages. A message may be kept, not written to. */
export function createFrameReader(onFrame: (frame: Buffer) => void): FrameReader {
  let carried: Buffer[] = [];
  let carriedBytes = 0;
  /** Before that there is no sense in looking again. */
  let wanted = 1;

  return {
    push(chunk) {
      carriedBytes += chunk.length;
      if (carriedBytes < wanted) return void carried.push(Buffer.from(chunk));
      const buffer = carried.length === 0 ? chunk : Buffer.concat([...carried, chunk]);
      let at = 0;
      wanted = 1;
      for (;;) {
        const length = readVarint(buffer, at, buffer.length);
        if (length === undefined) {
          if (buffer.length - at >= MAX_LENGTH_BYTES) throw new RangeError('no length of a message');
          wanted = buffer.length - at + 1;
          break;
        }
        if (length.value > MAX_FRAME_BYTES) throw new RangeError(`a message of ${length.value} bytes`);
        const end = length.end + length.value;
        if (end > buffer.length) {
          wanted = end - at;
          break;
        }
        onFrame(buffer.subarray(length.end, end));
        at = end;
      }
      carried = at === buffer.length ? [] : [Buffer.from(buffer.subarray(at))];
      carriedBytes = buffer.length - at;
    },
    isComplete: () => carriedBytes === 0,
  };
}
