/** `istio-iptables`: from the command line to the exit code. */
import { setTimeout as delay } from 'node:timers/promises';
import { EnvironmentError } from '../platform/errors.ts';
import { changeRules } from './apply.ts';
import { runInNamespace } from './enter-namespace.ts';
import { iptablesHelp } from './help.ts';
import type { Interception, Options, Task } from './options.ts';
import { parseOptions, type Surroundings } from './parse-options.ts';
import { explanation, preview, printResult } from './report.ts';
import { validate } from './validate.ts';

/** Exit code of a validation that fails, as in the original. */
const NOT_VALID = 126;
const ADDRESS_MS = 5_000;
const AGAIN_MS = 50;

export type Program = 'istio-iptables' | 'istio-clean-iptables';

export interface Machine extends Omit<Surroundings, 'addresses'> {
  /** Asked again where there is none yet. */
  readonly addresses: () => readonly string[];
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
  const parse = () => parseOptions(argv, { ...machine, addresses: machine.addresses() }, program);
  const first = parse();
  if (first.kind === 'help') {
    console.out(iptablesHelp);
    return 0;
  }
  const { task } = first;
  if (task.networkNamespace !== undefined) return runInNamespace(task.networkNamespace);
  if (task.kind === 'apply' && !task.dryRun) await untilAddressed(machine);
  const options = parse();
  return options.kind === 'help' ? 0 : carryOut(options, machine, console);
}

async function carryOut(options: Options, { netAdmin }: Machine, console: Console): Promise<number> {
  const { interception, task, warnings } = options;
  for (const warning of warnings) console.error(`Warning: ${warning}\n`);
  if (task.dryRun && task.kind !== 'clean-up') {
    console.out(task.explain ? explanation(options) : preview(options));
    return 0;
  }
  if (task.kind !== 'leave') console.out(printResult(await changeRules(options, netAdmin), options));
  return task.validation === undefined || task.dryRun ? 0 : judge(interception, task.validation, console);
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

/** An interface that has just been made shows its addresses a moment later. */
async function untilAddressed(machine: Machine): Promise<void> {
  const end = Date.now() + ADDRESS_MS;
  while (machine.addresses().length === 0) {
    if (Date.now() > end) {
      throw new EnvironmentError(
        'no valid local IP address found: without one it is unknown whether IPv6 is in use; give the network an address first',
      );
    }
    await delay(AGAIN_MS);
  }
}
