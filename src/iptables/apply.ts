/** Brings the kernel to the wanted rules; when something fails on the way, back to what it had. */
import { formatGoDuration } from '../platform/duration.ts';
import { EnvironmentError, toError } from '../platform/errors.ts';
import { type FamilyTables, inspectAgain, inspectFamily, programOf, type Tables } from './backend.ts';
import { type CommandResult, createRun, type Run } from './command.ts';
import { diagnose, NET_ADMIN } from './diagnose.ts';
import { FAMILIES, type Family, type Options } from './options.ts';
import { marksOf } from './own.ts';
import { printRestore } from './restore.ts';
import { type IpEntry, ipCommand, planEntries, readIpState, wantedEntries } from './routes.ts';
import { type FamilyRules, rulesFor } from './rules.ts';
import { formerTable, isInPlace, transition, type WantedTable, wantedTable } from './transition.ts';

/** A process that was run, or that would be. */
export interface Step {
  readonly command: readonly string[];
  /** What it reads from standard input. */
  readonly input: string;
}

export type Outcome = 'applied' | 'replaced' | 'unchanged' | 'cleaned' | 'clean';

export interface Result {
  readonly outcome: Outcome;
  readonly steps: readonly Step[];
}

/** Beyond the time that iptables may wait for its lock. */
const DEADLINE_MS = 20_000;
const NO_RULES: FamilyRules = { ipv4: [], ipv6: [] };

/**
 * Puts the rules, or takes them away; with `dryRun` it only looks, and says what it would run.
 * @param capable whether this process has NET_ADMIN
 * @throws EnvironmentError saying what is missing; what was there before is there again
 */
export async function changeRules(
  options: Options,
  capable: boolean,
  run: Run = createRun(options.task.lockWait + DEADLINE_MS),
): Promise<Result> {
  const { interception, task } = options;
  if (!capable && !task.dryRun) {
    throw new EnvironmentError(`cannot change the rules of this network.\n${NET_ADMIN}`);
  }
  const cleanUp = task.kind === 'clean-up';
  const wanted = cleanUp ? NO_RULES : rulesFor(interception);
  const found = await Promise.all(FAMILIES.map((family) => look(run, family, options)));
  const changes = found.flatMap((tables) => changesOf(tables, wanted, task.force));
  const entries = await planIp(run, options, found, cleanUp);
  const journal = createJournal(run, options);
  try {
    for (const entry of entries.add) await journal.ip(entry, 'add');
    for (const change of changes) await journal.restore(change);
    for (const entry of entries.remove) await journal.ip(entry, 'del');
  } catch (thrown) {
    throw await journal.undo(toError(thrown));
  }
  return { outcome: outcomeOf(cleanUp, found, journal.steps), steps: journal.steps };
}

/** A change of the tables of one kind in one family. */
interface Change {
  readonly tables: Tables;
  readonly to: readonly WantedTable[];
}

async function look(run: Run, family: Family, { interception, task }: Options): Promise<FamilyTables> {
  const tables = await inspectFamily(run, family, task.backend);
  // Where IPv6 is off there may be no tables of it at all.
  const needed = family === 'ipv4' || (task.kind === 'apply' && interception.families.includes(family));
  if (tables.chosen === undefined && needed) {
    const what = task.backend === undefined ? '' : ` of --force-iptables-binary ${task.backend}`;
    throw new EnvironmentError(`no iptables${what} that works: ${tables.problem || 'it is not installed'}`);
  }
  return tables;
}

function changesOf({ chosen, others }: FamilyTables, wanted: FamilyRules, force: boolean): readonly Change[] {
  const changes = others.map((tables) => ({ tables, to: [] }));
  if (chosen === undefined) return changes;
  const rules = wanted[chosen.family];
  const guardLeft = chosen.own.some(({ table }) => table === 'filter');
  const done =
    rules.length === 0 ? chosen.own.length === 0 : isInPlace(chosen.own, rules) && !force && !guardLeft;
  return done ? changes : [{ tables: chosen, to: rules.map(wantedTable) }, ...changes];
}

/** Nothing is asked of `ip` where nothing can be ours. */
async function planIp(
  run: Run,
  { interception }: Options,
  found: readonly FamilyTables[],
  cleanUp: boolean,
): Promise<{ readonly add: readonly IpEntry[]; readonly remove: readonly IpEntry[] }> {
  const wanted = cleanUp ? [] : wantedEntries(interception);
  const tables = found.flatMap(({ chosen, others }) => [
    ...(chosen === undefined ? [] : [chosen]),
    ...others,
  ]);
  const marks = tables.flatMap(({ dump }) => dump.flatMap(marksOf));
  if (wanted.length === 0 && marks.length === 0 && !cleanUp) return { add: [], remove: [] };
  return planEntries(await readIpState(run), interception, marks, wanted, cleanUp);
}

function outcomeOf(cleanUp: boolean, found: readonly FamilyTables[], steps: readonly Step[]): Outcome {
  if (cleanUp) return steps.length === 0 ? 'clean' : 'cleaned';
  if (steps.length === 0) return 'unchanged';
  const before = found.some(({ chosen, others }) => others.length > 0 || (chosen?.own.length ?? 0) > 0);
  return before ? 'replaced' : 'applied';
}

interface Journal {
  restore(change: Change): Promise<void>;
  ip(entry: IpEntry, verb: 'add' | 'del'): Promise<void>;
  readonly steps: readonly Step[];
  /** Undoes everything, the last first. @returns the error, with what became of it */
  undo(error: Error): Promise<Error>;
}

function createJournal(run: Run, options: Options): Journal {
  const steps: Step[] = [];
  const undoing: (() => Promise<void>)[] = [];

  const call = async (step: Step, failed: (result: CommandResult) => string) => {
    steps.push(step);
    if (options.task.dryRun) return;
    const [file = '', ...args] = step.command;
    const result = await run(file, args, step.input);
    if (result.exitCode !== 0) throw new EnvironmentError(failed(result));
  };
  const restore = async (tables: Tables, to: readonly WantedTable[]) => {
    const program = programOf(tables.family, tables.kind, 'restore');
    const wait = Math.max(1, Math.ceil(options.task.lockWait / 1000));
    const input = printRestore(transition(tables.own, to));
    const lockWait = formatGoDuration(options.task.lockWait);
    await call({ command: [program, '--noflush', `--wait=${wait}`], input }, ({ stderr }) =>
      diagnose(program, stderr, input, lockWait),
    );
  };
  const ip = (entry: IpEntry, verb: 'add' | 'del') => {
    const command = ['ip', ...ipCommand(entry, verb)];
    return call({ command, input: '' }, ({ exitCode, stderr }) =>
      exitCode === undefined
        ? `"${command.join(' ')}" is needed, and there is no program ip: install iproute2`
        : `${command.join(' ')}: ${stderr.trim()}`,
    );
  };

  return {
    steps,
    restore: async ({ tables, to }) => {
      undoing.unshift(() => putBack(run, tables, restore));
      await restore(tables, to);
    },
    ip: async (entry, verb) => {
      await ip(entry, verb);
      undoing.unshift(() => ip(entry, verb === 'add' ? 'del' : 'add'));
    },
    undo: async (error) => {
      const failures: string[] = [];
      for (const step of undoing) {
        await step().catch((thrown: unknown) => failures.push(toError(thrown).message));
      }
      const then =
        failures.length === 0
          ? 'Nothing is changed: what was there before is there.'
          : `What was there before could not be put back: ${failures.join('; ')}`;
      return new EnvironmentError(`${error.message}\n${then}`, { cause: error });
    },
  };
}

/** From whatever is there now to what was there. */
async function putBack(
  run: Run,
  before: Tables,
  restore: (tables: Tables, to: readonly WantedTable[]) => Promise<void>,
): Promise<void> {
  const now = await inspectAgain(run, before);
  if (JSON.stringify(now.own) === JSON.stringify(before.own)) return;
  await restore(now, before.own.map(formerTable));
}
