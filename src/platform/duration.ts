/** Durations: Go's notation (`45s`, `1m0s`, `1.5h`), and branded numbers where seconds meet milliseconds. */

declare const unit: unique symbol;
export type Millis = number & { readonly [unit]: 'ms' };
export type Seconds = number & { readonly [unit]: 's' };

export const millis = (value: number): Millis => value as Millis;
export const seconds = (value: number): Seconds => value as Seconds;
export const toMillis = (value: Seconds): Millis => millis(value * 1000);

const MILLIS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/** Parses a Go duration. Returns undefined for text that Go's ParseDuration would refuse (`45`, `1 s`, ``). */
export function parseGoDuration(text: string): Millis | undefined {
  const [, sign, rest] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === undefined || rest === '') return undefined;
  if (rest === '0') return millis(0);
  let total = 0;
  let end = 0;
  for (const match of rest.matchAll(PART)) {
    if (match.index !== end) return undefined;
    end += match[0].length;
    total += Number(match[1]) * (MILLIS_PER_UNIT[match[2] ?? ''] ?? Number.NaN);
  }
  if (end !== rest.length) return undefined;
  return millis(sign === '-' ? -total : total);
}

/** Prints a duration the way Go does: 60000 -> `1m0s`, 1500 -> `1.5s`, 250 -> `250ms`, 0 -> `0s`. */
export function formatGoDuration(value: Millis): string {
  if (value === 0) return '0s';
  const sign = value < 0 ? '-' : '';
  const total = Math.abs(value);
  const trim = (number: number) => String(Number(number.toFixed(9)));
  if (total < 1) return total < 1e-3 ? `${sign}${trim(total * 1e6)}ns` : `${sign}${trim(total * 1e3)}µs`;
  if (total < 1_000) return `${sign}${trim(total)}ms`;
  const hours = Math.floor(total / 3_600_000);
  const minutes = Math.floor((total % 3_600_000) / 60_000);
  const rest = trim((total % 60_000) / 1_000);
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}s`;
  if (minutes > 0) return `${sign}${minutes}m${rest}s`;
  return `${sign}${rest}s`;
}

/** A duration in protobuf's JSON form, the only one Envoy accepts: 1500 -> `1.5s`. */
export function formatProtoDuration(value: Millis): string {
  return `${Number((value / 1_000).toFixed(9))}s`;
}
