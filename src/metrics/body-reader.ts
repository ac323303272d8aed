/**
 * One body, read line by line: samples that any reader takes, in families, and counts of what was not passed on. A line
 * that Prometheus would refuse costs the whole scrape, so each one is looked at, by the scanner or, where it hesitates,
 * by the careful reader.
 */
import { type Declaration, type Family, sampleSuffixes, toFamily } from './family.ts';
import type { Format } from './format.ts';
import { createLineReader } from './lines.ts';
import { type Metadata, parseMetadata } from './metadata.ts';
import { countNewlines } from './newlines.ts';
import { parseSample, renderSample } from './sample.ts';
import { createSampleScanner } from './sample-scanner.ts';

export interface BodySink {
  /** The samples that follow are of this family, which may have been begun before. */
  family(family: Family): void;
  /** `count` whole lines, in the form of the output, in `[from, to)`. Good for as long as the chunk that was pushed is. */
  samples(buffer: Buffer, from: number, to: number, count: number): void;
}

export interface BodyReport {
  readonly samples: number;
  readonly bytes: number;
  /** Lines left out, by why. */
  readonly left: Readonly<Record<LeftOut, number>>;
  /** The body ended in the middle of a line, or as OpenMetrics without its `# EOF`, or as protobuf in the middle of a family. */
  readonly truncated: boolean;
}

export type LeftOut = 'invalid_line' | 'line_too_long' | 'eof_in_middle';

export interface BodyReader {
  push(chunk: Buffer): void;
  /** @param complete false when the body was cut off: its last line may be half a line, which looks like a whole one */
  finish(complete: boolean): BodyReport;
}

const HASH = 35;
const NEWLINE = 10;
const RETURN = 13;
const NEWLINE_BYTES = Buffer.from('\n');

/** @param trusted whether it is enough to look at some of the lines: Envoy's are all made by the same few lines of code */
export function createBodyReader(input: Format, output: Format, sink: BodySink, trusted = false): BodyReader {
  const scanner = createSampleScanner();
  const left: Record<LeftOut, number> = { invalid_line: 0, line_too_long: 0, eof_in_middle: 0 };
  let samples = 0;
  let bytes = 0;
  let ended = false;

  let declared: Declaration | undefined;
  /** Whether a sample of the declared family was seen: metadata that follows begins another family. */
  let begun = false;
  /** The name of the last sample, in bytes: nearly every line has the name of the line before. */
  let lastName: Buffer | undefined;

  let run: Buffer | undefined;
  let runFrom = 0;
  let runTo = 0;
  let runCount = 0;

  function flushRun(): void {
    if (run !== undefined) sink.samples(run, runFrom, runTo, runCount);
    run = undefined;
    runCount = 0;
  }

  function addToRun(buffer: Buffer, from: number, to: number, count = 1): void {
    if (run !== buffer || runTo !== from) {
      flushRun();
      run = buffer;
      runFrom = from;
    }
    runTo = to;
    runCount += count;
    samples += count;
  }

  function enterFamilyOf(buffer: Buffer, from: number, nameEnd: number): void {
    if (lastName !== undefined && isAt(lastName, buffer, from, nameEnd)) return;
    const name = buffer.toString('latin1', from, nameEnd);
    const belongs =
      declared !== undefined &&
      name.startsWith(declared.name) &&
      sampleSuffixes(declared.type, input, output).includes(name.slice(declared.name.length));
    lastName = Buffer.from(name, 'latin1');
    if (belongs && begun) return;
    flushRun();
    if (!belongs || declared === undefined)
      declared = { name, type: undefined, help: undefined, unit: undefined };
    begun = true;
    sink.family(toFamily(declared, input));
  }

  function onSampleLine(buffer: Buffer, from: number, to: number): void {
    const sample = parseSample(buffer.subarray(from, to), input);
    if (sample === undefined) {
      left.invalid_line += 1;
      return;
    }
    const line = Buffer.from(renderSample(sample, output));
    enterFamilyOf(line, 0, sample.name.length);
    addToRun(line, 0, line.length);
  }

  function onMetadata(metadata: Metadata): void {
    if (metadata.kind === 'eof') ended = true;
    else if (metadata.kind === 'invalid') left.invalid_line += 1;
    else if (metadata.kind !== 'comment') {
      const { name } = metadata;
      if (declared?.name !== name || begun) {
        // Metadata behind the samples of its own family comes too late to be written.
        if (declared?.name === name) return;
        flushRun();
        declared = { name, type: undefined, help: undefined, unit: undefined };
        begun = false;
        lastName = undefined;
      }
      declared = {
        name,
        type: declared.type ?? (metadata.kind === 'type' ? metadata.type : undefined),
        help: declared.help ?? (metadata.kind === 'help' ? metadata.help : undefined),
        unit: declared.unit ?? (metadata.kind === 'unit' ? metadata.unit : undefined),
      };
    }
  }

  function onOtherLine(buffer: Buffer, start: number, newline: number): void {
    let from = start;
    let to = newline;
    while (from < to && isBlank(buffer[from])) from += 1;
    while (to > from && isBlank(buffer[to - 1])) to -= 1;
    if (from === to) return;
    if (buffer[from] === HASH) onMetadata(parseMetadata(buffer.toString('utf8', from, to), input));
    else onSampleLine(buffer, from, to);
  }

  function onLines(buffer: Buffer, from: number, to: number): void {
    let checked = from;
    for (let at = from; at < to; ) {
      if (trusted && at >= checked) {
        checked = blockEnd(buffer, at, to);
        if (passBlock(buffer, at, checked)) {
          at = checked;
          continue;
        }
      }
      if (ended) noteEndInTheMiddle(buffer, at, to);
      const newline = scanner.scan(buffer, at);
      if (newline !== -1) {
        enterFamilyOf(buffer, at, scanner.nameEnd);
        addToRun(buffer, at, newline + 1);
        at = newline + 1;
      } else {
        const end = buffer.indexOf(NEWLINE, at);
        onOtherLine(buffer, at, end);
        at = end + 1;
      }
    }
    flushRun();
  }

  /**
   * Passes the samples between two declarations on as they are when the first and the last of them are beyond doubt, and of
   * the declared family.
   */
  function passBlock(buffer: Buffer, from: number, to: number): boolean {
    if (ended || from === to || scanner.scan(buffer, from) === -1) return false;
    const { nameEnd } = scanner;
    const last = to < 2 ? 0 : buffer.lastIndexOf(NEWLINE, to - 2) + 1;
    if (last < from || (last > from && scanner.scan(buffer, last) !== to - 1)) return false;
    if (declared === undefined || !isPrefix(declared.name, buffer, from)) return false;
    if (!isPrefix(declared.name, buffer, last)) return false;
    enterFamilyOf(buffer, from, nameEnd);
    addToRun(buffer, from, to, countNewlines(buffer, from, to));
    return true;
  }

  /** An application that concatenates bodies, as some do, has an end in its middle; what follows counts as well. */
  function noteEndInTheMiddle(buffer: Buffer, from: number, to: number): void {
    if (buffer.subarray(from, to).every(isBlank)) return;
    ended = false;
    left.eof_in_middle += 1;
  }

  const lines = createLineReader(onLines, () => {
    left.line_too_long += 1;
  });
  return {
    push(chunk) {
      bytes += chunk.length;
      lines.push(chunk);
    },
    finish(complete) {
      const rest = lines.rest();
      if (complete && rest.length > 0) onLines(Buffer.concat([rest, NEWLINE_BYTES]), 0, rest.length + 1);
      const truncated = complete ? input === 'openmetrics' && !ended : rest.length > 0;
      return { samples, bytes, left, truncated };
    },
  };
}

/** Names differ at their ends, if at all; a loop beats the native comparison at this length. */
function isAt(name: Buffer, buffer: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let i = name.length - 1; i >= 0; i--) if (name[i] !== buffer[from + i]) return false;
  return true;
}

const isPrefix = (name: string, buffer: Buffer, from: number) =>
  buffer.toString('latin1', from, from + name.length) === name;

/** Where the next line begins that begins with `#`, or `to`. */
function blockEnd(buffer: Buffer, from: number, to: number): number {
  for (let at = from; ; at += 1) {
    at = buffer.indexOf(HASH, at);
    if (at === -1 || at >= to) return to;
    if (at === from || buffer[at - 1] === NEWLINE) return at;
  }
}

const isBlank = (byte: number | undefined) =>
  byte === 32 || byte === 9 || byte === NEWLINE || byte === RETURN;
