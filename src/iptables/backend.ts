/** Which of the two sets of tables that Linux has, and what is in them. */
import { EnvironmentError } from '../platform/errors.ts';
import type { Run } from './command.ts';
import { type DumpTable, parseDump } from './dump.ts';
import type { Backend, Family } from './options.ts';
import type { OwnTable } from './own.ts';
import { ownTables } from './transition.ts';

/** `plain`: `iptables` itself, where it has no name that says which it is. */
export type Kind = Backend | 'plain';

/** The tables of one kind in one family. */
export interface Tables {
  readonly family: Family;
  readonly kind: Kind;
  readonly dump: readonly DumpTable[];
  readonly own: readonly OwnTable[];
}

export interface FamilyTables {
  /** Where rules go; undefined: there is no iptables for this family. */
  readonly chosen: Tables | undefined;
  /** Others in which something of ours is. */
  readonly others: readonly Tables[];
  /** Why there is none to choose. */
  readonly problem: string | undefined;
}

/** `ip6tables-legacy-restore`. */
export function programOf(family: Family, kind: Kind, what: 'save' | 'restore'): string {
  return [family === 'ipv4' ? 'iptables' : 'ip6tables', ...(kind === 'plain' ? [] : [kind]), what].join('-');
}

/**
 * Looks into the tables. Rules go where ours are already, else to legacy where somebody has rules there, else to nft, else to
 * whatever works: rules in both would be asked one after the other, which nobody who reads one of them expects.
 * @param forced by the user
 */
export async function inspectFamily(
  run: Run,
  family: Family,
  forced: Backend | undefined,
): Promise<FamilyTables> {
  const named = await Promise.all((['nft', 'legacy'] as const).map((kind) => inspect(run, family, kind)));
  const none = named.every((found) => 'missing' in found && found.missing);
  const all = none ? [await inspect(run, family, 'plain')] : named;
  const found = all.flatMap((each) => ('problem' in each ? [] : [each]));
  const chosen = choose(found, forced);
  return {
    chosen,
    others: found.filter((each) => each !== chosen && each.own.length > 0),
    problem:
      chosen === undefined
        ? all.flatMap((each) => ('problem' in each ? [each.problem] : [])).join('; ')
        : undefined,
  };
}

function choose(found: readonly Tables[], forced: Backend | undefined): Tables | undefined {
  if (forced !== undefined) return found.find(({ kind }) => kind === forced);
  const legacy = found.find(({ kind, dump }) => kind === 'legacy' && dump.some(isUsed));
  return found.find(({ own }) => own.length > 0) ?? legacy ?? found[0];
}

function isUsed({ chains, rules }: DumpTable): boolean {
  return chains.length > 0 || rules.length > 0;
}

/** What is in the tables of one kind now. */
export async function inspect(
  run: Run,
  family: Family,
  kind: Kind,
): Promise<Tables | { readonly problem: string; readonly missing: boolean }> {
  const program = programOf(family, kind, 'save');
  const { exitCode, stdout, stderr } = await run(program, []);
  if (exitCode === 0) {
    const dump = parseDump(stdout);
    return { family, kind, dump, own: ownTables(dump) };
  }
  return {
    problem: exitCode === undefined ? stderr : `${program}: ${stderr.trim()}`,
    missing: exitCode === undefined,
  };
}

/** The tables after a change. @throws EnvironmentError when they cannot be read any more */
export async function inspectAgain(run: Run, { family, kind }: Tables): Promise<Tables> {
  const found = await inspect(run, family, kind);
  if ('problem' in found) throw new EnvironmentError(`cannot read the rules: ${found.problem}`);
  return found;
}
