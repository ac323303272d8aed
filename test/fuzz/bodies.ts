/** Bodies of metrics and answers of HTTP, spoiled at random, through what reads them. Each function is one round, and throws. */
import { createIndexSink } from '../../src/metrics/blocks.ts';
import { createBodyReader } from '../../src/metrics/body-reader.ts';
import type { Format } from '../../src/metrics/format.ts';
import { createResponseParser } from '../../src/metrics/http-response.ts';
import { createMerge } from '../../src/metrics/merge.ts';
import { parseSample } from '../../src/metrics/sample.ts';
import type { Random } from '../storm/random.ts';
import { cut, randomBytes, spoil } from './spoil.ts';

const BODY = Buffer.from(
  [
    '# HELP a Help, with \\\\ and \\n.\n# TYPE a gauge\na{x="1",y="\\"\\n"} 1.5e-07\na{x="2"} NaN 1700000000000\n',
    '# TYPE b_total counter\nb_total 1\nb_total{x="é"} +Inf\n# a comment\n\nuntyped 3\n',
    '# TYPE h histogram\nh_bucket{le="0.1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n',
    '# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 2\ns_count 3\n# TYPE a gauge\na{x="3"} 1\n',
  ].join(''),
);
const OPENMETRICS_BODY = Buffer.from(
  '# TYPE b counter\n# UNIT b_seconds seconds\nb_total{x="1"} 1 1700000000.5 # {trace="1"} 0.5 1.5\nb_created 1\n# TYPE i info\ni_info{v="1"} 1\n# EOF\n',
);

/** What is passed on is fit to be passed on: every line of it is a sample, and it reads as the same again. */
export async function fuzzBody(random: Random): Promise<void> {
  const input: Format = random.pick([
    [2, 'text'],
    [1, 'openmetrics'],
  ]);
  const output: Format = random.pick([
    [1, 'text'],
    [1, 'openmetrics'],
  ]);
  const bytes = spoil(random, input === 'text' ? BODY : OPENMETRICS_BODY);
  const first = await merged(cut(random, bytes), input, output, random.next() < 0.5);
  for (const line of lines(first.answer)) {
    const isFit = line[0] === 35 || parseSample(line, output) !== undefined;
    if (!isFit) throw new Error(`a line was passed on that is none: ${JSON.stringify(line.toString())}`);
  }
  const again = await merged([first.answer], output, output, false);
  if (again.left > 0) throw new Error(`of what was passed on, ${again.left} lines are refused`);
  if (again.samples !== first.samples)
    throw new Error(`${first.samples} samples were passed on, ${again.samples} arrive`);
  // A body that is trusted is not looked at as closely, but must be read to its end.
  await merged(cut(random, bytes), input, output, false, true);
}

async function merged(
  pieces: readonly Buffer[],
  input: Format,
  output: Format,
  streams: boolean,
  trusted = false,
) {
  const written: Buffer[] = [];
  const merge = createMerge({
    format: output,
    output: {
      bytes: (buffer, from, to) => written.push(Buffer.from(buffer.subarray(from, to))),
      text: (text) => written.push(Buffer.from(text)),
      isFull: () => false,
      ready: async () => {},
      end: () => {},
    },
    onDiscard: () => {},
    isReserved: () => false,
  });
  const stream = merge.stream(1);
  const { index, sink } = createIndexSink(1);
  const reader = createBodyReader(input, output, streams ? stream : sink, trusted);
  for (const piece of pieces) {
    reader.push(piece);
    if (streams) piece.fill(88); // the memory of a stream is used again
  }
  const { samples, left } = reader.finish(true);
  stream.end();
  if (!streams) merge.add(index);
  await merge.writeBlocks('all');
  if (output === 'openmetrics') written.push(Buffer.from('# EOF\n'));
  return { answer: Buffer.concat(written), samples, left: left.invalid_line + left.line_too_long };
}

function lines(answer: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < answer.length; ) {
    const newline = answer.indexOf(10, at);
    if (newline === -1) throw new Error('there is no newline at the end');
    found.push(answer.subarray(at, newline));
    at = newline + 1;
  }
  return found;
}

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\na 1\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n8;x=y\r\nb 1\nc 1\n\r\n0\r\nTrailer: 1\r\n\r\n',
  'HTTP/1.0 200 OK\r\n\r\na 1\n',
  'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
].map((text) => [1, Buffer.from(text)] as const);

/** An answer gives the same wherever it is cut, and never more than came. */
export function fuzzAnswer(random: Random): void {
  const bytes =
    random.next() < 0.1
      ? randomBytes(random, random.between(0, 200))
      : spoil(random, Buffer.from(random.pick(ANSWERS)));
  const whole = parsed([Buffer.from(bytes)]);
  if (whole.body.length > bytes.length) throw new Error('the body is longer than the answer');
  const pieces = parsed(cut(random, bytes));
  // Where it is wrong, what came before the fault depends on the cuts.
  if (whole.error !== pieces.error && !(whole.error !== '' && pieces.error !== '')) {
    throw new Error(`"${whole.error}" in one piece, "${pieces.error}" in several`);
  }
  if (whole.error === '' && !whole.body.equals(pieces.body)) throw new Error('the body depends on the cuts');
}

function parsed(pieces: readonly Buffer[]): { readonly body: Buffer; readonly error: string } {
  const parser = createResponseParser();
  const body: Buffer[] = [];
  try {
    for (const piece of pieces) body.push(Buffer.from(parser.push(piece)));
    parser.end();
    return { body: Buffer.concat(body), error: '' };
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown instanceof TypeError || thrown instanceof RangeError)
      throw thrown;
    return { body: Buffer.concat(body), error: thrown.message };
  }
}
