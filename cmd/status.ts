import { isatty } from 'node:tty';
import { parseStatusArgs, statusHelp } from '../src/health/status-args.ts';
import { runStatus } from '../src/health/status-client.ts';
import { print } from './print.ts';

/** `pilot-agent status`: what the agent on this machine does; 255 when none answers. */
export async function status(argv: readonly string[]): Promise<number> {
  const parsed = parseStatusArgs(argv);
  if (parsed.kind === 'help') {
    print(1, statusHelp);
    return 0;
  }
  const end = new AbortController();
  if (parsed.options.watch) {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => end.abort());
  }
  return runStatus(parsed.options, {
    write: (text) => {
      if (!print(1, text)) end.abort();
    },
    terminal: () => (isatty(1) ? { columns: process.stdout.columns, rows: process.stdout.rows } : undefined),
    env: process.env,
    signal: end.signal,
  });
}
