/** `istio-iptables`: from the command line to the exit code. */
import { explain } from './explain.ts';
import { iptablesHelp } from './help.ts';
import type { Options } from './options.ts';
import { FAMILIES } from './options.ts';
import { parseOptions, type Surroundings } from './parse-options.ts';
import { creation, printRestore } from './restore.ts';
import { type FamilyRules, rulesFor } from './rules.ts';

export type Program = 'istio-iptables' | 'istio-clean-iptables';

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
  surroundings: Surroundings,
  console: Console,
): Promise<number> {
  const options = parseOptions(argv, surroundings, program);
  if (options.kind === 'help') {
    console.out(iptablesHelp);
    return 0;
  }
  for (const warning of options.warnings) console.error(`Warning: ${warning}\n`);
  console.out(preview(options, rulesFor(options.interception)));
  return 0;
}

function preview({ interception, task }: Options, rules: FamilyRules): string {
  if (task.explain) return explain(interception, rules);
  return FAMILIES.filter((family) => rules[family].length > 0)
    .map(
      (family) =>
        `# ip${family === 'ipv6' ? '6' : ''}tables-restore --noflush\n${printRestore(rules[family].map(creation))}`,
    )
    .join('');
}
