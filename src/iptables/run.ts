/** `istio-iptables`: from the command line to the exit code. */
import { EnvironmentError } from '../platform/errors.ts';
import { changeRules } from './apply.ts';
import { runInNamespace } from './enter-namespace.ts';
import { iptablesHelp } from './help.ts';
import type { Interception, Task } from './options.ts';
import { parseOptions, type Surroundings } from './parse-options.ts';
import { explanation, preview, printResult } from './report.ts';
import { validate } from './validate.ts';

/** Exit code of a validation that fails, as in the original. */
const NOT_VALID = 126;

export type Program = 'istio-iptables' | 'istio-clean-iptables';

export interface Machine extends Surroundings {
  /** Whether this process has the capability NET_ADMIN. */
  readonly netAdmin: boolean;
}

export interface Console {
  out(text: string): void;
  error(text: string): void;
}

/**
 * Runs it.
 * @returns the exit code
 * @throws InputError with all that is wrong with flags and environment; EnvironmentError when something could not be done, and
 *   what was there before is there again
 */
export async function runIptables(
  program: Program,
  argv: readonly string[],
  machine: Machine,
  console: Console,
): Promise<number> {
  const options = parseOptions(argv, machine, program);
  if (options.kind === 'help') {
    console.out(iptablesHelp);
    return 0;
  }
  const { task } = options;
  if (task.networkNamespace !== undefined) return runInNamespace(task.networkNamespace);
  for (const warning of options.warnings) console.error(`Warning: ${warning}\n`);
  if (task.dryRun) {
    console.out(task.explain && task.kind === 'apply' ? explanation(options) : preview(options));
    return 0;
  }
  if (task.kind === 'apply' && machine.addresses.length === 0) {
    throw new EnvironmentError(
      'no valid local IP address found: without one it is unknown whether IPv6 is in use; give the network an address first',
    );
  }
  if (task.kind !== 'leave') console.out(printResult(await changeRules(options, machine.netAdmin), options));
  return task.validation === undefined ? 0 : judge(options.interception, task.validation, console);
}

async function judge(
  interception: Interception,
  validation: NonNullable<Task['validation']>,
  console: Console,
): Promise<number> {
  const { ok, text } = await validate(interception, validation);
  if (ok) console.out(`Validation passed. ${text}\n`);
  else console.error(`Error: validation failed; the workload is not ready for a sidecar.\n${text}\n`);
  return ok ? 0 : NOT_VALID;
}
