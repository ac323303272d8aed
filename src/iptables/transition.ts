/** From what the kernel has to what it is to have: the input of `iptables-restore`. */
import { canonical } from './canonical.ts';
import { type DumpTable, wordsOf } from './dump.ts';
import { findOwn, isEmpty, type OwnTable } from './own.ts';
import { printRule, type Section } from './restore.ts';
import { rulesOf, TABLES, type TableRules } from './rule.ts';

/** What a table is to have of ours: chains, then lines that fill them. */
export interface WantedTable {
  readonly table: string;
  readonly chains: readonly string[];
  readonly lines: readonly string[];
}

export function wantedTable({ table, chains, rules }: TableRules): WantedTable {
  return { table, chains, lines: rules.map(printRule) };
}

/** What there was, to be had again: hooks at the places where they stood. */
export function formerTable({ table, chains, rules, hooks }: OwnTable): WantedTable {
  const filled = rules.map(({ chain, text }) => `-A ${chain} ${text}`);
  return {
    table,
    chains,
    lines: [...filled, ...hooks.map(({ chain, place, text }) => `-I ${chain} ${place} ${text}`)],
  };
}

/** What is ours in each table that there is. */
export function ownTables(dump: readonly DumpTable[]): readonly OwnTable[] {
  return dump.map(findOwn).filter((own) => !isEmpty(own));
}

/**
 * Whether the kernel has exactly these rules: the same chains with the same rules in the same order, and the same hooks in the
 * same order, whatever stands between them.
 */
export function isInPlace(own: readonly OwnTable[], rules: readonly TableRules[]): boolean {
  const tables = new Set([...own, ...rules].map(({ table }) => table));
  return [...tables].every((table) => {
    const there = own.find((each) => each.table === table);
    const wanted = rules.find((each) => each.table === table);
    return there !== undefined && wanted !== undefined && sameTable(there, wanted);
  });
}

function sameTable(own: OwnTable, wanted: TableRules): boolean {
  const chains = new Set([...own.chains, ...wanted.chains]);
  if (chains.size !== own.chains.length || chains.size !== wanted.chains.length) return false;
  const hooked = [...own.hooks, ...wanted.rules]
    .map(({ chain }) => chain)
    .filter((chain) => !chains.has(chain));
  return [...chains, ...new Set(hooked)].every((chain) => {
    const there = [...own.rules, ...own.hooks].filter((rule) => rule.chain === chain);
    const expected = rulesOf(chain, wanted.rules);
    return (
      there.length === expected.length &&
      there.every(({ text }, at) => canonical(wordsOf(text)) === canonical(expected[at]?.spec ?? []))
    );
  });
}

/**
 * Replaces what is ours in the tables by something else, or by nothing. Each table changes at once. Where several tables change
 * and something was there before, a guard drops TCP and UDP meanwhile, so that nothing passes by one table's new rules and
 * another's old ones; it is the first thing to come and the last to go.
 */
export function transition(from: readonly OwnTable[], to: readonly WantedTable[]): readonly Section[] {
  const plain = from.filter(({ table }) => table !== 'filter');
  const tables = TABLES.filter(
    (table) => table !== 'filter' && [...plain, ...to].some((each) => each.table === table),
  );
  const sections = tables.map((table) => replacement(table, find(plain, table), find(to, table)));
  const oldFilter = find(from, 'filter');
  const clear = oldFilter === undefined ? [] : [replacement('filter', oldFilter, undefined)];
  if (plain.length === 0 || to.length === 0 || tables.length < 2) return [...sections, ...clear];
  return [
    replacement('filter', oldFilter, GUARD),
    ...sections,
    replacement('filter', GUARD_IN_PLACE, undefined),
  ];
}

const GUARDED = ['INPUT', 'FORWARD', 'OUTPUT'].flatMap((chain) =>
  ['tcp', 'udp'].map((protocol) => ({ chain, protocol })),
);

const GUARD: WantedTable = {
  table: 'filter',
  chains: ['ISTIO_GUARD'],
  lines: [
    '-A ISTIO_GUARD -j DROP',
    ...GUARDED.map(({ chain, protocol }) => `-I ${chain} 1 -p ${protocol} -j ISTIO_GUARD`),
  ],
};

const GUARD_IN_PLACE: OwnTable = {
  table: 'filter',
  chains: GUARD.chains,
  rules: [],
  hooks: GUARDED.map(({ chain, protocol }) => ({
    chain,
    text: `-p ${protocol} -j ISTIO_GUARD`,
    place: 1,
  })),
};

function find<T extends { readonly table: string }>(tables: readonly T[], table: string): T | undefined {
  return tables.find((each) => each.table === table);
}

function replacement(table: string, from: OwnTable | undefined, to: WantedTable | undefined): Section {
  const [old, next] = [from?.chains ?? [], to?.chains ?? []];
  return {
    table,
    lines: [
      ...(from?.hooks ?? []).map(({ chain, text }) => `-D ${chain} ${text}`),
      ...old.map((chain) => `-F ${chain}`),
      ...old.filter((chain) => !next.includes(chain)).map((chain) => `-X ${chain}`),
      ...next.filter((chain) => !old.includes(chain)).map((chain) => `-N ${chain}`),
      ...(to?.lines ?? []),
    ],
  };
}
