/** One scrape: all sources at once, what they give merged into one answer, and a report of how each of them fared. */
import { setTimeout as delay } from 'node:timers/promises';
import { createIndexSink } from './blocks.ts';
import { type BodyReport, createBodyReader } from './body-reader.ts';
import { type Intake, type IntakeState, startIntake } from './intake.ts';
import { createMerge, type DiscardReason, type Merge } from './merge.ts';
import type { Output } from './output.ts';
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
  const merge = createMerge({
    format: request.format,
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
      if (!results.has(intake) && state.kind === 'short')
        results.set(intake, readShort(intake, state, request, merge));
    }
    for (const [index, intake] of intakes.entries()) {
      const state = intake.state();
      if (results.has(intake) || state.kind !== 'long') continue;
      results.set(intake, await readLong(intake, state, options, merge));
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
  const over = new AbortController();
  await Promise.race([settled, delay(patience, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
  // Nothing can flow yet: then it is worth while to wait for all of them.
  if (!intakes.some((intake) => intake.state().kind === 'long')) await settled;
}

function readShort(
  intake: Intake,
  state: Extract<IntakeState, { kind: 'short' }>,
  request: ScrapeRequest,
  merge: Merge,
): Read {
  const { index, sink } = createIndexSink(intake.rank);
  const reader = createBodyReader(state.format, request.format, sink, state.trusted);
  for (const chunk of state.chunks) reader.push(chunk);
  const report = reader.finish(state.cut === undefined);
  merge.add(index);
  return { report, failure: state.cut ?? truncation(report) };
}

async function readLong(
  intake: Intake,
  state: Extract<IntakeState, { kind: 'long' }>,
  { request, output }: ScrapeOptions,
  merge: Merge,
): Promise<Read> {
  const stream = merge.stream(intake.rank);
  const reader = createBodyReader(state.format, request.format, stream, state.trusted);
  let cut: ScrapeError | undefined;
  for (const chunk of state.chunks) {
    reader.push(chunk);
    await output.ready();
  }
  for (;;) {
    const next = await state.rest.next().catch((thrown: unknown) => {
      cut = toScrapeError(thrown, 'body');
      return { done: true as const, value: undefined };
    });
    if (next.done === true) break;
    reader.push(next.value);
    await output.ready();
  }
  const report = reader.finish(cut === undefined);
  stream.end();
  return { report, failure: cut ?? truncation(report) };
}

const truncation = (report: BodyReport): ScrapeError | undefined =>
  report.truncated ? new ScrapeError('truncated', 'the body ends before its "# EOF"') : undefined;

async function addAgent(agent: MetricsSource, { request }: ScrapeOptions, merge: Merge): Promise<void> {
  const { index, sink } = createIndexSink(AGENT_RANK);
  const { format, chunks } = await agent.open(request, new AbortController().signal);
  const reader = createBodyReader(format, request.format, sink);
  for await (const chunk of chunks) reader.push(chunk);
  reader.finish(true);
  merge.add(index);
}
