import type { Rule, TableRules } from './rule.ts';

/** One table of an input of `iptables-restore --noflush`: an all-or-nothing change. */
export interface Section {
  readonly table: string;
  readonly lines: readonly string[];
}

/** Prints the input of `iptables-restore --noflush`. Empty when nothing is to be done. */
export function printRestore(sections: readonly Section[]): string {
  return sections.map(({ table, lines }) => [`* ${table}`, ...lines, 'COMMIT', ''].join('\n')).join('');
}

/** Makes the chains and rules of a table where none of them is there. */
export function creation({ table, chains, rules }: TableRules): Section {
  return { table, lines: [...chains.map((chain) => `-N ${chain}`), ...rules.map(printRule)] };
}

/** `-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN`. */
export function printRule({ chain, at, spec }: Rule): string {
  const place = at === undefined ? `-A ${chain}` : `-I ${chain} ${at}`;
  return `${place} ${spec.join(' ')}`;
}
