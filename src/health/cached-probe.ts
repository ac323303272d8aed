import type { Millis } from '../platform/duration.ts';

/**
 * Wraps a question so that an answer serves for a moment and one question is in flight however many wait for it: a
 * thousand probes cost Envoy one. A question that fails is not remembered.
 * @param maxAge how long an answer serves, from its arrival; it may depend on the answer
 * @param now a monotonic clock in milliseconds (`performance.now`)
 */
export function cachedProbe<T>(
  ask: () => Promise<T>,
  maxAge: Millis | ((answer: T) => Millis),
  now: () => number,
): () => Promise<T> {
  const ageOf = typeof maxAge === 'function' ? maxAge : () => maxAge;
  let inFlight: Promise<T> | undefined;
  let last: { readonly answer: T; readonly until: number } | undefined;
  return () => {
    if (last !== undefined && now() < last.until) return Promise.resolve(last.answer);
    inFlight ??= ask()
      .then((answer) => {
        last = { answer, until: now() + ageOf(answer) };
        return answer;
      })
      .finally(() => {
        inFlight = undefined;
      });
    return inFlight;
  };
}
