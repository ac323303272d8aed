import type { Millis } from './duration.ts';

export interface Deadline {
  readonly signal: AbortSignal;
  /** Frees the timer and the listener; the signal does not abort any more. */
  release(): void;
}

/**
 * A signal that aborts with a `TimeoutError` when the time is over, or with the caller's reason when the caller gives up.
 * A timer and a listener that are freed, rather than `AbortSignal.timeout` and `any`: those keep a timer per call until
 * it fires, and on Node 20 an entry per call on a caller's signal that lives as long as the process.
 */
export function startDeadline(time: Millis, what: string, caller?: AbortSignal): Deadline {
  const controller = new AbortController();
  const late = () =>
    controller.abort(new DOMException(`${what}: no answer within ${time} ms`, 'TimeoutError'));
  const cancelled = () => controller.abort(caller?.reason);
  const timer = setTimeout(late, Math.max(0, time));
  caller?.addEventListener('abort', cancelled, { once: true });
  if (caller?.aborted === true) cancelled();
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      caller?.removeEventListener('abort', cancelled);
    },
  };
}
