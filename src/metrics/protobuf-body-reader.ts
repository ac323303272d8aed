import type { BodyReader } from './body-reader.ts';
import { createFrameReader } from './protobuf-frames.ts';
import { countMetrics } from './protobuf-reader.ts';
import { ScrapeError } from './source.ts';

/** Reads a body of families in protobuf. Its `push` throws a `ScrapeError` at what is none: nothing behind it can be read. */
export function createProtobufBodyReader(onFrame: (frame: Buffer) => void): BodyReader {
  let samples = 0;
  let bytes = 0;
  const frames = createFrameReader((frame) => {
    samples += countMetrics(frame);
    onFrame(frame);
  });
  return {
    push(chunk) {
      bytes += chunk.length;
      try {
        frames.push(chunk);
      } catch (thrown) {
        if (!(thrown instanceof RangeError)) throw thrown;
        throw new ScrapeError('encoding', `no metrics in protobuf: ${thrown.message}`, { cause: thrown });
      }
    },
    finish: () => ({
      samples,
      bytes,
      left: { invalid_line: 0, line_too_long: 0, eof_in_middle: 0 },
      truncated: !frames.isComplete(),
    }),
  };
}
