/** A rule as data, and what a family's rules come to per table. */

export type Table = 'filter' | 'mangle' | 'nat' | 'raw';
export const TABLES: readonly Table[] = ['filter', 'mangle', 'nat', 'raw'];

export interface Rule {
  readonly table: Table;
  readonly chain: string;
  /** Where it goes, from 1; undefined: to the end. */
  readonly at?: number;
  /** What follows the chain on iptables' command line. */
  readonly spec: readonly string[];
  /** What it is there for, for people. */
  readonly why: string;
}

/** Everything of a table, in the order in which iptables is told. */
export interface TableRules {
  readonly table: Table;
  /** Chains to make, in the order of first use. */
  readonly chains: readonly string[];
  readonly rules: readonly Rule[];
}

const BUILT_IN: readonly string[] = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'];

/** Chains that belong to this program, in any table. `ISTIO_GUARD` is there only while others are replaced. */
export const OWN_CHAINS: readonly string[] = [
  'ISTIO_INBOUND',
  'ISTIO_OUTPUT',
  'ISTIO_REDIRECT',
  'ISTIO_IN_REDIRECT',
  'ISTIO_DIVERT',
  'ISTIO_TPROXY',
  'ISTIO_OUTPUT_DNS',
  'ISTIO_DROP',
  'ISTIO_GUARD',
];

/** Marks rules in chains of the kernel that nothing else would tell from somebody else's. */
export const OWN_COMMENT = 'pilot-agent';
export const COMMENT = `-m comment --comment ${OWN_COMMENT}`;

export function isBuiltIn(chain: string): boolean {
  return BUILT_IN.includes(chain);
}

export function isOwnChain(chain: string): boolean {
  return OWN_CHAINS.includes(chain);
}

/** A list that rules are added to, in order. */
export interface RuleList {
  append(table: Table, chain: string, spec: string, why: string): void;
  insert(table: Table, chain: string, at: number, spec: string, why: string): void;
  readonly rules: readonly Rule[];
}

export function createRuleList(): RuleList {
  const rules: Rule[] = [];
  const words = (spec: string) => spec.split(' ');
  return {
    rules,
    append: (table, chain, spec, why) => void rules.push({ table, chain, spec: words(spec), why }),
    insert: (table, chain, at, spec, why) => void rules.push({ table, chain, at, spec: words(spec), why }),
  };
}

/** The chain that a rule goes on to; undefined for RETURN, REDIRECT and the like. */
export function jumpTarget(spec: readonly string[]): string | undefined {
  const target = spec[spec.indexOf('-j') + 1];
  return target !== undefined && spec.includes('-j') && isOwnChain(target) ? target : undefined;
}

/** Sorts rules by table; chains that are only jumped to are made too, after the others. */
export function byTable(rules: readonly Rule[]): readonly TableRules[] {
  return TABLES.flatMap((table) => {
    const own = rules.filter((rule) => rule.table === table);
    if (own.length === 0) return [];
    const filled = own.map(({ chain }) => chain).filter((chain) => !isBuiltIn(chain));
    const targets = own.flatMap(({ spec }) => jumpTarget(spec) ?? []);
    return [{ table, chains: [...new Set([...filled, ...targets])], rules: own }];
  });
}

/** The rules of a chain in the order in which the kernel will have them. */
export function rulesOf(chain: string, rules: readonly Rule[]): readonly Rule[] {
  const ordered: Rule[] = [];
  for (const rule of rules) {
    if (rule.chain !== chain) continue;
    if (rule.at === undefined) ordered.push(rule);
    else ordered.splice(rule.at - 1, 0, rule);
  }
  return ordered;
}
