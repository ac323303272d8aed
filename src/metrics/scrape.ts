/** One scrape: all sources at once, what they give merged into one answer, and a report of how each of them fared. */
import { createIndexSink } from './blocks.ts';
import { type BodyReader, type BodyReport, createBodyReader } from './body-reader.ts';
import type { Format, ScrapeFormat } from './format.ts';
import { type Intake, type IntakeState, startIntake } from './intake.ts';
import { createMerge, type DiscardReason, type Merge, type MergeOptions } from './merge.ts';
import type { Output } from './output.ts';
import { createProtobufBodyReader } from './protobuf-body-reader.ts';
import { createProtobufMerge, type ProtobufMerge } from './protobuf-merge.ts';
import { type MetricsSource, ScrapeError, type ScrapeRequest, toScrapeError } from './source.ts';

export interface ScrapeOptions {
  /** In the order in which they are right when they contradict each other, after the agent. */
  readonly sources: readonly MetricsSource[];
  /** The agent's own metrics. Asked last, so that they say how this very scrape went. */
  readonly agent: MetricsSource;
  readonly isAgentFamily: (key: string) => boolean;
  readonly request: ScrapeRequest;
  readonly output: Output;
  /** Ends the sources: the deadline (a `TimeoutError`), or a client that has gone. */
  readonly signal: AbortSignal;
  /** Called once for each source, agent excepted, before the agent's metrics are asked for. */
  readonly onSource: (report: SourceReport) => void;
}

export interface SourceReport {
  readonly source: MetricsSource;
  /** Why the source gave nothing, or not everything. */
  readonly failure: ScrapeError | undefined;
  /** What was left out of what it gave. */
  readonly left: Readonly<Partial<Record<keyof BodyReport['left'] | DiscardReason, number>>>;
  readonly samples: number;
  readonly bytes: number;
  /** From the question to the last byte. */
  readonly seconds: number;
}

/** The agent is the first of the sources when two of them contradict each other, although it is written last. */
const AGENT_RANK = 0;
/** How long a long body may wait for the short ones to be complete, as a share of the time that there is. */
const PATIENCE = 0.5;

/**
 * Scrapes and writes the merged answer. A source that fails, hangs or is cut off costs its own metrics only.
 * @throws when the client has gone
 */
export async function scrape(options: ScrapeOptions): Promise<void> {
  const { sources, agent, request, output, signal } = options;
  const began = performance.now();
  const discards = sources.map((): Partial<Record<DiscardReason, number>> => ({}));
  const merge = createMergeInto(request.format, {
    output,
    isReserved: options.isAgentFamily,
    onDiscard: (rank, reason, count) => {
      const counts = discards[rank - 1];
      if (counts !== undefined) counts[reason] = (counts[reason] ?? 0) + count;
    },
  });
  const intakes = sources.map((source, index) => startIntake(source, index + 1, request, signal));
  const seconds = intakes.map(() => 0);
  const settled = Promise.all(
    intakes.map(async (intake, index) => {
      await intake.settled;
      seconds[index] = (performance.now() - began) / 1_000;
    }),
  );
  const results = new Map<Intake, Read>();

  // A first round with what is there, in case something long should begin to flow; a second with those that were slow.
  await firstRound(settled, intakes, request.deadline * PATIENCE);
  for (const round of ['first', 'second'] as const) {
    if (round === 'second') await settled;
    for (const intake of intakes) {
      const state = intake.state();
      if (!results.has(intake) && state.kind === 'short' && state.format !== 'protobuf')
        results.set(intake, readShort(intake, state, request, merge));
    }
    for (const [index, intake] of intakes.entries()) {
      const state = intake.state();
      if (results.has(intake) || (state.kind !== 'long' && state.kind !== 'short')) continue;
      results.set(intake, await readThrough(intake, state, options, merge));
      seconds[index] = (performance.now() - began) / 1_000;
    }
  }
  await merge.writeBlocks('unreserved');
  for (const [index, intake] of intakes.entries()) {
    const state = intake.state();
    const { report, failure } = results.get(intake) ?? {
      report: undefined,
      failure: state.kind === 'failed' ? state.error : undefined,
    };
    options.onSource({
      source: intake.source,
      failure,
      left: { ...report?.left, ...discards[index] },
      samples: report?.samples ?? 0,
      bytes: report?.bytes ?? 0,
      seconds: seconds[index] ?? 0,
    });
  }
  await addAgent(agent, options, merge);
  await merge.writeBlocks('all');
  if (request.format === 'openmetrics') output.text('# EOF\n');
  output.end();
}

interface Read {
  readonly report: BodyReport;
  readonly failure: ScrapeError | undefined;
}

async function firstRound(
  settled: Promise<unknown>,
  intakes: readonly Intake[],
  patience: number,
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, patience);
  });
  await Promise.race([settled, over]);
  clearTimeout(timer);
  // Nothing can flow yet: then it is worth while to wait for all of them.
  if (!intakes.some((intake) => intake.state().kind === 'long')) await settled;
}

function createMergeInto(format: ScrapeFormat, options: Omit<MergeOptions, 'format'>): Merge | ProtobufMerge {
  return format === 'protobuf' ? createProtobufMerge(options) : createMerge({ ...options, format });
}

/** What the text of sources is read into: protobuf is made of text in its turn. */
const lineFormat = (format: ScrapeFormat): Format => (format === 'protobuf' ? 'text' : format);

interface Reader extends BodyReader {
  /** Ends what the reader wrote into. */
  end(): void;
}

/** A reader that passes what it reads on at once, to stand beside the families that the merge holds. */
function streamReader(
  { format, trusted }: { readonly format: ScrapeFormat; readonly trusted: boolean },
  rank: number,
  request: ScrapeRequest,
  merge: Merge | ProtobufMerge,
): Reader {
  if (format === 'protobuf') {
    if (!('frames' in merge)) throw new ScrapeError('content_type', 'protobuf, which nobody asked for');
    return { ...createProtobufBodyReader(merge.frames(rank)), end: () => {} };
  }
  const sink = merge.stream(rank);
  return { ...createBodyReader(format, lineFormat(request.format), sink, trusted), end: () => sink.end() };
}

function readShort(
  intake: Intake,
  state: Extract<IntakeState, { kind: 'short' }>,
  request: ScrapeRequest,
  merge: Merge,
): Read {
  const { index, sink } = createIndexSink(intake.rank);
  if (state.format === 'protobuf') throw new Error('protobuf is not read ahead');
  const reader = createBodyReader(state.format, lineFormat(request.format), sink, state.trusted);
  for (const chunk of state.chunks) reader.push(chunk);
  const report = reader.finish(state.cut === undefined);
  merge.add(index);
  return { report, failure: state.cut ?? truncation(report) };
}

async function readThrough(
  intake: Intake,
  state: Extract<IntakeState, { kind: 'short' | 'long' }>,
  { request, output }: ScrapeOptions,
  merge: Merge | ProtobufMerge,
): Promise<Read> {
  const reader = streamReader(state, intake.rank, request, merge);
  let cut = state.kind === 'short' ? state.cut : undefined;
  let unreadable: { readonly error: unknown } | undefined;
  const take = (chunk: Buffer) => {
    try {
      reader.push(chunk);
    } catch (error) {
      unreadable = { error };
      throw error;
    }
    return output.isFull() ? output.ready() : undefined;
  };
  try {
    for (const chunk of state.chunks) await take(chunk);
    if (state.kind === 'long') await state.rest(take);
  } catch (thrown) {
    if (unreadable !== undefined && !(unreadable.error instanceof ScrapeError)) throw unreadable.error;
    await output.ready();
    cut = toScrapeError(thrown, 'body');
  }
  const report = reader.finish(cut === undefined);
  reader.end();
  return { report, failure: cut ?? truncation(report) };
}

const truncation = (report: BodyReport): ScrapeError | undefined =>
  report.truncated ? new ScrapeError('truncated', 'the body ends before its end') : undefined;

async function addAgent(
  agent: MetricsSource,
  { request, signal }: ScrapeOptions,
  merge: Merge,
): Promise<void> {
  const { index, sink } = createIndexSink(AGENT_RANK);
  const { format, read } = await agent.open(request, signal);
  if (format === 'protobuf') throw new Error("the agent's own metrics are text");
  const reader = createBodyReader(format, lineFormat(request.format), sink);
  await read((chunk) => {
    reader.push(chunk);
    return undefined;
  });
  reader.finish(true);
  merge.add(index);
}
