import { parseRestartArgs, requestRestart, restartHelp } from '../src/health/restart.ts';
import { print } from './print.ts';

/** `pilot-agent restart`: hot-restarts Envoy, prints the outcome; the exit code says it too. */
export async function restart(argv: readonly string[]): Promise<number> {
  const parsed = parseRestartArgs(argv);
  if (parsed.kind === 'help') {
    print(1, restartHelp);
    return 0;
  }
  const { text, exitCode } = await requestRestart(parsed.options);
  print(exitCode === 0 ? 1 : 2, `${text}\n`);
  return exitCode;
}
