/** Rules and routes for marked packets (TPROXY), and the address that Envoy calls its application from by IPv6. */
import type { Run } from './command.ts';
import { factsOf } from './family.ts';
import { FAMILIES, type Family, type Interception } from './options.ts';

/** A call of `ip` that adds something. Its undoing is the same with `del`. */
export interface IpEntry {
  readonly family: Family;
  readonly object: 'rule' | 'route' | 'addr';
  /** What follows `add` or `del`. */
  readonly spec: string;
}

/** What `ip` shows. */
export interface IpState {
  readonly entries: readonly IpEntry[];
  readonly rules: readonly MarkRule[];
}

export interface MarkRule {
  readonly family: Family;
  readonly mark: number;
  readonly table: string;
}

/** What the options need. */
export function wantedEntries(options: Interception): readonly IpEntry[] {
  const { families, mode, inboundPorts, mark, routeTable } = options;
  const marked = mode === 'TPROXY' && inboundPorts.length > 0;
  return families.flatMap((family): readonly IpEntry[] => [
    ...(family === 'ipv6' ? [passthroughAddress] : []),
    ...(marked ? entriesOf({ family, mark, table: String(routeTable) }) : []),
  ]);
}

const passthroughAddress: IpEntry = {
  family: 'ipv6',
  object: 'addr',
  spec: `${factsOf('ipv6').passthrough} dev lo`,
};

/** The route first: a rule without it would lead nowhere. */
function entriesOf({ family, mark, table }: MarkRule): readonly IpEntry[] {
  return [
    { family, object: 'route', spec: `local default dev lo table ${table}` },
    { family, object: 'rule', spec: `fwmark ${mark} lookup ${table}` },
  ];
}

/** `ip -4 rule add fwmark 1337 lookup 133`, as words after `ip`. */
export function ipCommand({ family, object, spec }: IpEntry, verb: 'add' | 'del'): readonly string[] {
  return [family === 'ipv4' ? '-4' : '-6', object, verb, ...spec.split(' ')];
}

/**
 * What to add and what to take away.
 * @param state what is there
 * @param marks of chains of ours that are there
 * @param wanted entries
 * @param cleanUp also the address; while rules are put it may stay
 */
export function planEntries(
  state: IpState,
  options: Pick<Interception, 'mark' | 'routeTable'>,
  marks: readonly number[],
  wanted: readonly IpEntry[],
  cleanUp: boolean,
): { readonly add: readonly IpEntry[]; readonly remove: readonly IpEntry[] } {
  const has = (list: readonly IpEntry[], entry: IpEntry) => list.some((each) => same(each, entry));
  const ours = state.rules.filter(
    ({ mark, table }) =>
      marks.includes(mark) || (mark === options.mark && table === String(options.routeTable)),
  );
  const old = [
    ...ours.flatMap(entriesOf).toReversed(), // the rule first: what it leads to goes after it
    ...(cleanUp ? [passthroughAddress] : []),
  ];
  return {
    add: wanted.filter((entry) => !has(state.entries, entry)),
    remove: old.filter((entry) => has(state.entries, entry) && !has(wanted, entry)),
  };
}

function same(one: IpEntry, other: IpEntry): boolean {
  return one.family === other.family && one.object === other.object && one.spec === other.spec;
}

/** Asks `ip` what there is. Without `ip` there is nothing: nobody can have added something by it. */
export async function readIpState(run: Run): Promise<IpState> {
  const address = run('ip', ['-6', 'addr', 'show', 'dev', 'lo']);
  const perFamily = await Promise.all(FAMILIES.map((family) => readMarkRules(run, family)));
  const hasAddress = new RegExp(`\\binet6 ${factsOf('ipv6').passthrough} `).test((await address).stdout);
  return {
    rules: perFamily.flatMap(({ rules }) => rules),
    entries: [...perFamily.flatMap(({ entries }) => entries), ...(hasAddress ? [passthroughAddress] : [])],
  };
}

async function readMarkRules(
  run: Run,
  family: Family,
): Promise<{ readonly rules: readonly MarkRule[]; readonly entries: readonly IpEntry[] }> {
  const flag = family === 'ipv4' ? '-4' : '-6';
  const { stdout } = await run('ip', [flag, 'rule', 'show']);
  const rules = parseMarkRules(stdout, family);
  const entries = await Promise.all(
    rules.map(async (rule) => {
      const routes = await run('ip', [flag, 'route', 'show', 'table', rule.table]);
      const leads = /^local default dev lo\b/m.test(routes.stdout);
      return entriesOf(rule).filter(({ object }) => object === 'rule' || leads);
    }),
  );
  return { rules, entries: entries.flat() };
}

/** `32765:	from all fwmark 0x539 lookup 133`; rules with any further condition are not ours. */
export function parseMarkRules(text: string, family: Family): readonly MarkRule[] {
  return [...text.matchAll(/^\d+:\s+from all fwmark (0x[\da-f]+) lookup (\S+)\s*$/gm)].map(
    ([, mark, table = '']) => ({
      family,
      mark: Number(mark),
      table,
    }),
  );
}
