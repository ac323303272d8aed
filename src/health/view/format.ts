/** Numbers as a person reads them, the same in a terminal and in a browser. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long something took: `312 ms`, `4.2 s`, `48 s`, then as `formatAge`. */
export function formatDuration(ms: number): string {
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND - 50) return `${(ms / SECOND).toFixed(1)} s`;
  return formatAge(ms);
}

/** How long something has been, without fractions: `14 s`, `2 m 14 s`, `3 h 5 m`, `4 d 3 h`. */
export function formatAge(ms: number): string {
  const age = Math.max(0, ms);
  if (age < MINUTE) return `${Math.floor(age / SECOND)} s`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)} m ${Math.floor((age % MINUTE) / SECOND)} s`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h ${Math.floor((age % HOUR) / MINUTE)} m`;
  return `${Math.floor(age / DAY)} d ${Math.floor((age % DAY) / HOUR)} h`;
}

/** `41.2 MiB`; nothing that Envoy uses is smaller than a MiB or larger than some GiB. */
export function formatBytes(bytes: number): string {
  const mebibytes = bytes / 2 ** 20;
  return mebibytes < 1_024 ? `${mebibytes.toFixed(1)} MiB` : `${(mebibytes / 1_024).toFixed(1)} GiB`;
}

/** The time of day where the reader is, with the date when that is another day: `14:03:22`, `2026-11-20 14:03:22`. */
export function formatTime(at: number, now: number): string {
  const time = new Date(at);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  if (time.toDateString() === new Date(now).toDateString()) return clock;
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}

/** What is not known is a dash. */
export function known<T>(value: T | undefined, format: (value: T) => string = String): string {
  return value === undefined ? '–' : format(value);
}
