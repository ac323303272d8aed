/**
 * One source during one scrape: asked at once, read ahead up to a limit. Most bodies end within it; the merge then knows
 * all their families and can put them beside those of others. A longer one waits, under back-pressure, for its turn.
 */
import type { ScrapeFormat } from './format.ts';
import type { OnChunk, ReadBody } from './http-get.ts';
import { type MetricsSource, ScrapeError, type ScrapeRequest, toScrapeError } from './source.ts';

export interface Intake {
  readonly source: MetricsSource;
  /** Place in the order of the sources: where two of them contradict each other, the lower rank is right. */
  readonly rank: number;
  /** Never rejects. Settled once the state is no longer `reading`. */
  readonly settled: Promise<void>;
  state(): IntakeState;
}

export type IntakeState =
  | { readonly kind: 'reading' }
  | { readonly kind: 'failed'; readonly error: ScrapeError }
  /** Read to its end, or to where it was cut off. */
  | {
      readonly kind: 'short';
      readonly format: ScrapeFormat;
      readonly trusted: boolean;
      readonly chunks: readonly Buffer[];
      readonly cut: ScrapeError | undefined;
    }
  | {
      readonly kind: 'long';
      readonly format: ScrapeFormat;
      readonly trusted: boolean;
      /** The rest of the body comes from `rest`. */
      readonly chunks: readonly Buffer[];
      readonly rest: ReadBody;
    };

/** How much of each body is held. Families of shorter bodies merge exactly; memory is bounded by this, not by the bodies. */
export const READ_AHEAD_BYTES = 1024 * 1024;

const LESS_THAN = '<'.charCodeAt(0);

export function startIntake(
  source: MetricsSource,
  rank: number,
  request: ScrapeRequest,
  signal: AbortSignal,
): Intake {
  let state: IntakeState = { kind: 'reading' };
  const settled = readAhead(source, request, signal).then(
    (result) => {
      state = result;
    },
    (thrown: unknown) => {
      state = { kind: 'failed', error: toScrapeError(thrown, 'open') };
    },
  );
  return { source, rank, settled, state: () => state };
}

async function readAhead(
  source: MetricsSource,
  request: ScrapeRequest,
  signal: AbortSignal,
): Promise<IntakeState> {
  const { format, trusted = false, read } = await source.open(request, signal);
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    let goOn = () => {};
    let onChunk: OnChunk = (chunk) => {
      if (bytes === 0 && format !== 'protobuf') refuseHtml(chunk);
      chunks.push(Buffer.from(chunk));
      bytes += chunk.length;
      if (bytes <= READ_AHEAD_BYTES) return undefined;
      resolve({ kind: 'long', format, trusted, chunks, rest });
      return new Promise((onTurn) => {
        goOn = onTurn;
      });
    };
    const rest: ReadBody = (take) => {
      onChunk = take;
      goOn();
      return reading;
    };
    const reading = read((chunk) => onChunk(chunk));
    reading.then(
      () => resolve({ kind: 'short', format, trusted, chunks, cut: undefined }),
      (thrown: unknown) => {
        const error = toScrapeError(thrown, 'body');
        if (error.reason === 'html') reject(error);
        else resolve({ kind: 'short', format, trusted, chunks, cut: error });
      },
    );
  });
}

/** Metrics never begin with a tag, a page that says "not found" with status 200 does. */
function refuseHtml(start: Buffer): void {
  const first = start.find((byte) => byte > 32);
  if (first === LESS_THAN) throw new ScrapeError('html', 'an HTML page instead of metrics');
}
