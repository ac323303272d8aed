import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { startDeadline } from '../platform/deadline.ts';
import type { Millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import { readFirst } from '../platform/read-first.ts';

export interface LocalCall {
  readonly url: string;
  readonly method: string;
  readonly body?: string | undefined;
  /** From the call to the last byte of the answer. */
  readonly deadline: Millis;
  readonly signal?: AbortSignal | undefined;
  /** How much of the answer is wanted. */
  readonly maxBytes: number;
}

/**
 * One call of a short-lived command (`wait`, `request`), by undici. `localhost` is whichever family answers.
 * @throws Error with a message that says what was asked and what went wrong
 */
export async function callLocal(
  call: LocalCall,
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const { Agent, request } = await import('undici');
  const dispatcher = new Agent({
    headersTimeout: call.deadline,
    bodyTimeout: call.deadline,
    connect: { lookup: lookupLoopback, autoSelectFamily: true },
  });
  const what = `${call.method} ${call.url}`;
  const { signal, release } = startDeadline(call.deadline, what, call.signal);
  try {
    const response = await request(call.url, {
      method: call.method,
      body: call.body ?? null,
      dispatcher,
      signal,
    });
    return { status: response.statusCode, body: await readFirst(response.body, call.maxBytes) };
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    throw new Error(`${what}: ${describe(toError(thrown))}`, { cause: thrown });
  } finally {
    release();
    await dispatcher.destroy();
  }
}

/** `localhost` is both loopback addresses (RFC 6761 §6.3), whatever /etc/hosts says; Envoy's admin may be on either. */
const lookupLoopback: LookupFunction = (hostname, options, done) => {
  if (hostname !== 'localhost') return lookup(hostname, options, done);
  done(null, [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]);
};

/** `localhost` is several addresses, and so may be the errors; the message is then empty and the reasons are inside. */
function describe(error: Error): string {
  if (!(error instanceof AggregateError)) return error.message;
  return error.errors.map((each: unknown) => toError(each).message).join(', ');
}
