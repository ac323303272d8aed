import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runProxy } from '../src/agent/proxy.ts';
import { wantsHelp } from '../src/config/argv.ts';
import { describeConfig } from '../src/config/describe-config.ts';
import { loadConfig } from '../src/config/load-config.ts';
import { proxyHelp } from '../src/config/proxy-help.ts';
import { createLogger } from '../src/log/logger.ts';
import { errorCode } from '../src/platform/errors.ts';
import { print } from './print.ts';

const LAST_LINES_MS = 500;

/** `pilot-agent proxy`: runs Envoy until it ends; the exit code says how. */
export async function proxy(argv: readonly string[]): Promise<number> {
  if (wantsHelp(argv)) {
    print(1, proxyHelp());
    return 0;
  }
  const reload = () => loadConfig({ argv, env: process.env, readFile: readIfThere });
  const loaded = await reload();
  if (loaded.printConfig) {
    for (const warning of loaded.warnings) print(2, `Warning: ${warning}\n`);
    print(1, describeConfig(loaded, loaded.output));
    return 0;
  }
  holdStandardError();
  const log = createLogger(loaded.config.log);
  try {
    const { code, why } = await runProxy({
      loaded,
      reload,
      env: process.env,
      log,
      derive: join(dirname(__filename), 'pilot-agent.derive.cjs'),
    });
    log.info(`Agent has successfully terminated: ${why}`);
    return code;
  } finally {
    await log.flush(LAST_LINES_MS);
  }
}

/**
 * Node asks for `process.stderr` whenever it closes a socket, and the first time makes the pipe behind it non-blocking, which Envoy has
 * too: it would lose lines of its log. libuv makes it blocking again for each child, so that time must be before the first. (pino does
 * the same for standard output.)
 */
function holdStandardError(): void {
  void process.stderr;
}

function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((thrown: unknown) => {
    if (errorCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  });
}
