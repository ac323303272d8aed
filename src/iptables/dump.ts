/** What `iptables-save` prints, as data. */

export interface DumpRule {
  readonly chain: string;
  /** What follows the chain, as the kernel spells it. */
  readonly text: string;
}

export interface DumpTable {
  readonly table: string;
  /** Chains that somebody has made: not the kernel's own. */
  readonly chains: readonly string[];
  readonly rules: readonly DumpRule[];
}

/** Reads the output of `iptables-save`; comments and counters are passed over. */
export function parseDump(text: string): readonly DumpTable[] {
  const tables: { table: string; chains: string[]; rules: DumpRule[] }[] = [];
  for (const line of text.split('\n')) {
    const [, table] = /^\*\s*(\S+)/.exec(line) ?? [];
    const [, made] = /^:(\S+) -/.exec(line) ?? [];
    const [, chain, rest] = /^(?:\[\d+:\d+\] )?-A (\S+)(?: (.*))?$/.exec(line) ?? [];
    if (table !== undefined) tables.push({ table, chains: [], rules: [] });
    else if (made !== undefined) tables.at(-1)?.chains.push(made);
    else if (chain !== undefined) tables.at(-1)?.rules.push({ chain, text: rest ?? '' });
  }
  return tables;
}

/** Words of a rule; what is in quotes, a comment, is one word. */
export function wordsOf(text: string): readonly string[] {
  return text.match(/"(?:[^"\\]|\\.)*"|\S+/g) ?? [];
}
