/** What is printed about rules that are put or would be. */
import type { Outcome, Result, Step } from './apply.ts';
import { explain } from './explain.ts';
import { FAMILIES, type Options } from './options.ts';
import { creation, printRestore, printRule } from './restore.ts';
import { ipCommand, wantedEntries } from './routes.ts';
import { type FamilyRules, rulesFor } from './rules.ts';

const WORDS: Readonly<Record<Outcome, string>> = {
  applied: 'The rules are in place.',
  replaced: 'The rules are in place; those that were there before are gone.',
  unchanged: 'The rules are in place already: nothing is changed.',
  cleaned: 'The rules are gone.',
  clean: 'There is nothing to take away.',
};

/** What was done. */
export function printResult({ outcome, steps }: Result, { interception, task, warnings }: Options): string {
  if (task.output === 'json') {
    return json({
      outcome,
      steps,
      ...(task.kind === 'apply' ? rulesAsData(rulesFor(interception)) : {}),
      warnings,
    });
  }
  return `${steps.map(printStep).join('')}${task.dryRun ? '' : `${WORDS[outcome]}\n`}`;
}

/** What the kernel would get where nothing of ours is there. */
export function preview({ interception, task, warnings }: Options): string {
  const rules = rulesFor(interception);
  const routes = wantedEntries(interception).map((entry) => ['ip', ...ipCommand(entry, 'add')]);
  if (task.output === 'json')
    return json({ generation: interception.generation, ...rulesAsData(rules), routes, warnings });
  const steps = FAMILIES.filter((family) => rules[family].length > 0).map((family) => ({
    command: [family === 'ipv4' ? 'iptables-restore' : 'ip6tables-restore', '--noflush'],
    input: printRestore(rules[family].map(creation)),
  }));
  return [...routes.map((command) => ({ command, input: '' })), ...steps].map(printStep).join('');
}

/** The way of a packet in words. */
export function explanation({ interception, task }: Options): string {
  const rules = rulesFor(interception);
  if (task.output === 'text') return explain(interception, rules);
  const families = FAMILIES.map((family) => [
    family,
    rules[family].flatMap((each) =>
      each.rules.map((rule) => ({ table: rule.table, rule: printRule(rule), why: rule.why })),
    ),
  ]);
  return json({ generation: interception.generation, rules: Object.fromEntries(families) });
}

/** `#` begins a comment for iptables-restore and for a shell. */
function printStep({ command, input }: Step): string {
  return `# ${command.join(' ')}\n${input}`;
}

function rulesAsData(rules: FamilyRules): object {
  const families = FAMILIES.map((family) => [
    family,
    rules[family].map((each) => ({
      table: each.table,
      chains: each.chains,
      rules: each.rules.map(printRule),
    })),
  ]);
  return { rules: Object.fromEntries(families) };
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
