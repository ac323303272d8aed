import { constants } from 'node:os';
import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Supervisor } from './supervisor.ts';
import type { Triggers } from './triggers.ts';

/** An agent whose own code broke gets this long to end its Envoy and clean up. */
const BROKEN_DEADLINE_MS = 3_000;

/**
 * Connects the process to the supervisor: signals become events, an error that nobody caught ends Envoy and then the agent,
 * and whatever way the process leaves (`process.exit` deep in a library included), `lastResort` runs and no Envoy is left.
 */
export function attachToProcess(
  supervisor: Supervisor,
  triggers: Triggers,
  log: Logger,
  lastResort: () => void,
): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () =>
      supervisor.dispatch({ kind: 'signal', signal, exitCode: 128 + constants.signals[signal] }),
    );
  }
  process.on('SIGHUP', () => void triggers.ask('signal', 'SIGHUP'));
  const broken = (what: string) => (thrown: unknown) => {
    const error = toError(thrown);
    log.error(`${what} in the agent's own code, ending: ${error.stack ?? error.message}`);
    setTimeout(() => process.exit(1), BROKEN_DEADLINE_MS).unref();
    supervisor.dispatch({ kind: 'failed', why: `${what}: ${error.message}` });
  };
  process.on('uncaughtException', broken('unexpected error'));
  process.on('unhandledRejection', broken('unhandled rejection'));
  process.on('exit', () => {
    for (const pid of supervisor.livingPids()) killNow(pid);
    lastResort();
  });
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
