/**
 * One body, read line by line: samples that any reader takes, in families, and counts of what was not passed on. A line
 * that Prometheus would refuse costs the whole scrape, so each one is looked at, by the scanner or, where it hesitates,
 * by the careful reader.
 */
import { type Declaration, type Family, sampleSuffixes, toFamily } from './family.ts';
import type { Format, MetricType } from './format.ts';
import { createLineReader } from './lines.ts';
import { type Metadata, parseMetadata, readTypeLine } from './metadata.ts';
import { countPlainLines, isPlainText } from './plain-lines.ts';
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
  /** The name of the last sample: nearly every line has the name of the line before. */
  let lastName: string | undefined;

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
    if (isName(lastName, buffer, from, nameEnd)) return;
    const name =
      declared !== undefined && isName(declared.name, buffer, from, nameEnd)
        ? declared.name
        : buffer.toString('latin1', from, nameEnd);
    const belongs =
      declared !== undefined &&
      name.startsWith(declared.name) &&
      sampleSuffixes(declared.type, input, output).includes(name.slice(declared.name.length));
    lastName = name;
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

  function declare(name: string, type: MetricType | undefined): void {
    flushRun();
    declared = { name, type, help: undefined, unit: undefined };
    begun = false;
    lastName = undefined;
  }

  function onMetadata(metadata: Metadata): void {
    if (metadata.kind === 'eof') ended = true;
    else if (metadata.kind === 'invalid') left.invalid_line += 1;
    else if (metadata.kind !== 'comment') {
      const { name } = metadata;
      if (declared?.name !== name || begun) {
        // Metadata behind the samples of its own family comes too late to be written.
        if (declared?.name === name) return;
        declare(name, undefined);
      }
      const before = declared;
      declared = {
        name,
        type: before?.type ?? (metadata.kind === 'type' ? metadata.type : undefined),
        help: before?.help ?? (metadata.kind === 'help' ? metadata.help : undefined),
        unit: before?.unit ?? (metadata.kind === 'unit' ? metadata.unit : undefined),
      };
    }
  }

  function onOtherLine(buffer: Buffer, start: number, newline: number): void {
    let from = start;
    let to = newline;
    while (from < to && isBlank(buffer[from])) from += 1;
    while (to > from && isBlank(buffer[to - 1])) to -= 1;
    if (from === to) return;
    if (buffer[from] !== HASH) return onSampleLine(buffer, from, to);
    const found = readTypeLine(buffer, from, to, input);
    if (found !== undefined && found.name !== declared?.name) declare(found.name, found.type);
    else onMetadata(parseMetadata(buffer.toString('utf8', from, to), input));
  }

  function onLines(buffer: Buffer, from: number, to: number): void {
    const isSound = trusted && isPlainText(buffer.subarray(from, to));
    let checked = from;
    for (let at = from; at < to; ) {
      if (isSound && at >= checked && buffer[at] !== HASH) {
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
   * Passes the samples between two declarations on as they are when the first and the last of them are beyond doubt and of
   * the declared family, and those between them begin and end as samples do.
   */
  function passBlock(buffer: Buffer, from: number, to: number): boolean {
    if (ended || declared === undefined || scanner.scan(buffer, from) === -1) return false;
    const { nameEnd } = scanner;
    const last = to < 2 ? 0 : buffer.lastIndexOf(NEWLINE, to - 2) + 1;
    if (last > from && scanner.scan(buffer, last) !== to - 1) return false;
    const { name } = declared;
    if (!isName(name, buffer, from, from + name.length) || !isName(name, buffer, last, last + name.length))
      return false;
    const count = countPlainLines(buffer, from, to);
    if (count === -1) return false;
    enterFamilyOf(buffer, from, nameEnd);
    addToRun(buffer, from, to, count);
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
function isName(name: string | undefined, buffer: Buffer, from: number, to: number): boolean {
  if (name === undefined || name.length !== to - from) return false;
  for (let i = name.length - 1; i >= 0; i--) if (name.charCodeAt(i) !== buffer[from + i]) return false;
  return true;
}

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
