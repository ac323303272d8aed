import type { Millis } from '../platform/duration.ts';
import { errorCode } from '../platform/errors.ts';
import { formatOfMediaType, isProtobuf, type ScrapeFormat } from './format.ts';
import type { Answer, ReadBody } from './http-get.ts';

export type SourceName = 'agent' | 'envoy' | 'application';

/** One place that metrics come from. A value: a scrape opens it, and two scrapes at a time know nothing of each other. */
export interface MetricsSource {
  readonly name: SourceName;
  /** What a person recognises it by: `:8080/metrics`. Label of `istio_agent_scrape_*`. */
  readonly target: string;
  /**
   * Asks for the metrics.
   * @param signal ends the request and the body
   * @throws ScrapeError saying what is wrong; the signal's reason
   */
  open(request: ScrapeRequest, signal: AbortSignal): Promise<SourceBody>;
}

export interface ScrapeRequest {
  /** The format of the answer to come; a source may give another one. */
  readonly format: ScrapeFormat;
  /** The client's query with its `?`, or an empty text. Only for Envoy. */
  readonly query: string;
  readonly userAgent: string | undefined;
  /** What a source has from the beginning of the scrape to its last byte. */
  readonly deadline: Millis;
}

export interface SourceBody {
  readonly format: ScrapeFormat;
  readonly read: ReadBody;
  /** Written by a program whose lines are well formed: not all of each line need be looked at. */
  readonly trusted?: boolean;
}

export type FailureReason =
  | 'connect'
  | 'timeout'
  | 'status'
  | 'redirect'
  | 'content_type'
  | 'html'
  | 'encoding'
  | 'truncated'
  | 'internal';

/** A source gave nothing, or not all that it had. The reason is a label of `istio_agent_scrape_failures_total`. */
export class ScrapeError extends Error {
  override readonly name = 'ScrapeError';
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/**
 * Judges an answer by its head and gives its body, unpacked when it came as gzip. A content type that is missing, or that
 * a web framework put there by default (`text/html`), is no proof: such a body is read as text, line by line.
 * @param takesProtobuf whether protobuf was asked for
 * @throws ScrapeError; the answer is let go of then
 */
export async function readAnswer(answer: Answer, takesProtobuf = false): Promise<SourceBody> {
  try {
    if (answer.status !== 200) throw new ScrapeError('status', `status ${answer.status}`);
    const contentType = answer.headers.get('content-type') ?? '';
    if (takesProtobuf && isProtobuf(contentType)) return { format: 'protobuf', read: await unpack(answer) };
    const format =
      formatOfMediaType(contentType) ?? (/^(text\/.*)?$/i.test(contentType) ? 'text' : undefined);
    if (format === undefined) throw new ScrapeError('content_type', `content type ${contentType}`);
    return { format, read: await unpack(answer) };
  } catch (error) {
    answer.discard();
    throw error;
  }
}

async function unpack({ headers, read }: Answer): Promise<ReadBody> {
  const encoding = (headers.get('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return read;
  if (encoding !== 'gzip' && encoding !== 'x-gzip')
    throw new ScrapeError('encoding', `content encoding ${encoding}`);
  const { unzipped } = await import('./unzip.ts');
  return unzipped(read);
}

/** Sorts what was thrown while a source was asked or read. */
export function toScrapeError(thrown: unknown, phase: 'open' | 'body'): ScrapeError {
  if (thrown instanceof ScrapeError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const reason = reasonOf(thrown, phase);
  return new ScrapeError(reason, message, { cause: thrown });
}

function reasonOf(thrown: unknown, phase: 'open' | 'body'): FailureReason {
  if (thrown instanceof Error && thrown.name === 'TimeoutError') return 'timeout';
  const code = errorCode(thrown);
  if (code?.startsWith('Z_')) return code === 'Z_BUF_ERROR' ? 'truncated' : 'encoding';
  if (phase === 'body') return 'truncated';
  const isOurs = thrown instanceof TypeError || thrown instanceof RangeError;
  return isOurs ? 'internal' : 'connect';
}
