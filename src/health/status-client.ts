import { setTimeout as delay } from 'node:timers/promises';
import { millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import { callLocal } from './local-client.ts';
import type { StatusReport } from './status-report.ts';
import { renderStatus } from './status-table.ts';

export interface StatusOptions {
  readonly port: number;
  readonly output: 'text' | 'json';
  readonly watch: boolean;
}

/** Where `status` writes, and what it may write there. */
export interface StatusIo {
  write(text: string): void;
  /** Undefined when the output is none. */
  terminal(): { readonly columns: number; readonly rows: number } | undefined;
  /** `NO_COLOR`, `TERM` and the locale. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends `--watch`. */
  readonly signal?: AbortSignal | undefined;
}

const DEADLINE = millis(5_000);
const MAX_BYTES = 4 * 1024 * 1024;
const PERIOD_MS = 1_000;
const DEFAULT_WIDTH = 100;
/** To the alternate screen without a cursor, and back: what was on the terminal before is there again (xterm, `?1049`, `?25`). */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/**
 * Prints the status of the agent on this machine, once or each second until `io.signal` aborts.
 * @returns the exit code
 * @throws Error in one sentence that names the port, when no agent answers; `--watch` shows it and goes on asking
 */
export async function runStatus(options: StatusOptions, io: StatusIo): Promise<number> {
  if (options.watch) await watch(options, io);
  else io.write(show(await fetchStatus(options.port), options, io));
  return 0;
}

/**
 * @throws Error in one sentence that names the port
 */
export async function fetchStatus(port: number, signal?: AbortSignal): Promise<StatusReport> {
  const url = `http://localhost:${port}/status`;
  const { status, body } = await callLocal({
    url,
    method: 'GET',
    deadline: DEADLINE,
    signal,
    maxBytes: MAX_BYTES,
  }).catch((thrown: unknown) => {
    throw new Error(
      `no pilot-agent answers on port ${port} of this machine: is it running, and is ${port} its --statusPort? ` +
        `(${toError(thrown).message})`,
      { cause: thrown },
    );
  });
  const text = body.toString('utf8');
  if (status !== 200) {
    throw new Error(
      `what listens on port ${port} does not tell its status (${url} answered ${status}: ${text.trim()})`,
    );
  }
  const report = parseReport(text);
  if (report === undefined) {
    throw new Error(`what listens on port ${port} is no pilot-agent: ${url} answered something else`);
  }
  return report;
}

function parseReport(text: string): StatusReport | undefined {
  try {
    const report: Partial<StatusReport> | null = JSON.parse(text);
    const whole =
      Array.isArray(report?.epochs) && Array.isArray(report.restarts) && report.readiness !== undefined;
    return whole ? (report as StatusReport) : undefined;
  } catch {
    return undefined;
  }
}

async function watch(options: StatusOptions, io: StatusIo): Promise<void> {
  const onScreen = options.output === 'text' && io.terminal() !== undefined && io.env['TERM'] !== 'dumb';
  const isOver = () => io.signal?.aborted === true;
  if (onScreen) io.write(ENTER);
  try {
    while (!isOver()) {
      const text = await fetchStatus(options.port, io.signal).then(
        (report) => show(report, options, io),
        (thrown: unknown) => showError(toError(thrown), options),
      );
      if (isOver()) break;
      io.write(onScreen ? repaint(text, io.terminal()?.rows) : text);
      await delay(PERIOD_MS, undefined, { signal: io.signal }).catch(() => {});
    }
  } finally {
    if (onScreen) io.write(LEAVE);
  }
}

function show(report: StatusReport, { output, watch }: StatusOptions, io: StatusIo): string {
  if (output === 'json') return `${JSON.stringify(report, undefined, watch ? 0 : 2)}\n`;
  const { env } = io;
  const terminal = io.terminal();
  const text = renderStatus(report, {
    width: terminal?.columns || DEFAULT_WIDTH, // some pseudo-terminals say 0
    unicode: /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''),
    colour: terminal !== undefined && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
  });
  return watch && terminal === undefined ? `${text}\n` : text;
}

function showError({ message }: Error, { output }: StatusOptions): string {
  return output === 'json' ? `${JSON.stringify({ error: message })}\n` : `${message}\n`;
}

/** Over what is there, line by line, so that nothing flickers; what is too much for the screen is left out. */
function repaint(text: string, rows: number | undefined): string {
  const lines = text
    .trimEnd()
    .split('\n')
    .slice(0, rows || undefined);
  return `\x1b[H${lines.map((line) => `${line}\x1b[K`).join('\r\n')}\x1b[J`;
}
