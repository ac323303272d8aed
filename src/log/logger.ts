import { type DestinationStream, destination, pino } from 'pino';
import type { Logger, LogLabels } from '../platform/logger.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'none';

export interface LoggerOptions {
  readonly json: boolean;
  /** Scope -> level; `default` for every scope that is not named. */
  readonly levels: Readonly<Record<string, LogLevel>>;
}

/** A log that can be emptied before the process leaves. */
export interface RootLogger extends Logger {
  /** Waits until everything is written, but no longer than `deadlineMs`: nobody may be reading. */
  flush(deadlineMs: number): Promise<void>;
}

/** File descriptor of standard output. Never `process.stdout`: touching it makes the pipe that Envoy inherits non-blocking. */
const STDOUT = 1;
const MAX_BUFFERED_BYTES = 1024 * 1024;

/**
 * Istio's log on standard output: a line `2026-11-21T07:15:49.743618Z<TAB>info<TAB>[scope<TAB>]message[<TAB>key=value]`,
 * or a JSON object. Written without blocking the event loop; when nobody reads, lines over a MiB are dropped.
 */
export function createLogger(options: LoggerOptions): RootLogger {
  const out = destination({ fd: STDOUT, sync: false, minLength: 0, maxLength: MAX_BUFFERED_BYTES });
  // A log that cannot be written must not end the process.
  out.on('error', () => {});
  const flush = (deadlineMs: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      out.flush(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  return { ...loggerTo(out, options), flush };
}

/** The same log into any stream of lines. */
export function loggerTo(out: DestinationStream, options: LoggerOptions): Logger {
  const root = pino(
    {
      base: null,
      level: 'debug',
      timestamp: () => `,"time":"${timestamp()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    options.json ? out : { write: (line: string) => out.write(textLine(line)) },
  );
  const scoped = (scope: string | undefined): Logger => {
    const level = levelOf(options.levels, scope);
    const log = root.child(scope === undefined ? {} : { scope }, {
      level: level === 'none' ? 'silent' : level,
    });
    const method = (name: 'debug' | 'info' | 'warn' | 'error') => (message: string, labels?: LogLabels) => {
      if (labels === undefined) log[name](message);
      else log[name](labels, message);
    };
    return {
      debug: method('debug'),
      info: method('info'),
      warn: method('warn'),
      error: method('error'),
      scope: scoped,
    };
  };
  return scoped(undefined);
}

function levelOf(levels: LoggerOptions['levels'], scope: string | undefined): LogLevel {
  return levels[scope ?? 'default'] ?? levels['default'] ?? 'info';
}

/** RFC 3339 in UTC with microseconds, as Istio and Envoy print it. */
function timestamp(): string {
  const now = performance.timeOrigin + performance.now();
  const micros = Math.floor((now % 1) * 1000);
  return `${new Date(Math.floor(now)).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}

/** Turns pino's JSON line into Istio's text form. Line breaks inside a message are kept: Istio prints them too. */
function textLine(json: string): string {
  const { time, level, scope, msg, ...labels } = JSON.parse(json) as Record<string, string>;
  const fields = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return `${[time, level, ...(scope === undefined ? [] : [scope]), msg ?? '', ...fields].join('\t')}\n`;
}
