import { waitUntilReady } from '../src/health/wait.ts';
import { parseWaitArgs, waitHelp } from '../src/health/wait-args.ts';
import { createLogger } from '../src/log/logger.ts';
import { print } from './print.ts';

/** `pilot-agent wait`: 0 when the sidecar is ready, 255 with the last reason when it is not in time. */
export async function wait(argv: readonly string[]): Promise<number> {
  const parsed = parseWaitArgs(argv);
  if (parsed.kind === 'help') {
    print(1, waitHelp);
    return 0;
  }
  const log = createLogger({ json: false, levels: { default: 'info' } });
  try {
    await waitUntilReady({ ...parsed.options, log });
    return 0;
  } finally {
    await log.flush(500);
  }
}
