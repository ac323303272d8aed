/** iptables without a kernel: carries out what `iptables-restore --noflush` is given, and prints as `iptables-save` does. */
import { canonical } from '../../src/iptables/canonical.ts';
import { wordsOf } from '../../src/iptables/dump.ts';

const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  filter: ['INPUT', 'FORWARD', 'OUTPUT'],
  mangle: ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'],
  nat: ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'],
  raw: ['PREROUTING', 'OUTPUT'],
};

type Chains = Map<string, string[]>;
export type Model = ReadonlyMap<string, Chains>;

export function emptyModel(): Model {
  return new Map(
    Object.entries(BUILT_IN).map(([table, chains]) => [table, new Map(chains.map((chain) => [chain, []]))]),
  );
}

/** @throws where iptables-restore would refuse */
export function restore(model: Model, input: string): void {
  let chains: Chains | undefined;
  for (const line of input.split('\n')) {
    if (line === '' || line === 'COMMIT') continue;
    const [, table] = /^\* (\w+)$/.exec(line) ?? [];
    if (table !== undefined) chains = model.get(table);
    else if (chains === undefined) throw new Error(`no table before: ${line}`);
    else carryOut(chains, line);
  }
}

function carryOut(chains: Chains, line: string): void {
  const [, verb, chain = '', rest = ''] = /^(-[A-Z]) (\S+)(?: (.*))?$/.exec(line) ?? [];
  const rules = chains.get(chain);
  if (verb === '-N') {
    if (rules !== undefined) throw new Error(`chain already exists: ${line}`);
    chains.set(chain, []);
    return;
  }
  if (rules === undefined) throw new Error(`no such chain: ${line}`);
  const target = / ?-j (ISTIO_\w+)/.exec(rest)?.[1];
  if ((verb === '-A' || verb === '-I') && target !== undefined && !chains.has(target)) {
    throw new Error(`no such target: ${line}`);
  }
  if (verb === '-A') rules.push(rest);
  else if (verb === '-I') insert(rules, rest, line);
  else if (verb === '-F') rules.splice(0);
  else if (verb === '-X') removeChain(chains, chain, rules, line);
  else if (verb === '-D') removeRule(rules, rest, line);
  else throw new Error(`what is this: ${line}`);
}

function insert(rules: string[], rest: string, line: string): void {
  const [, place, spec = ''] = /^(\d+) (.*)$/.exec(rest) ?? [];
  if (Number(place) > rules.length + 1) throw new Error(`index of insertion too big: ${line}`);
  rules.splice(Number(place) - 1, 0, spec);
}

function removeRule(rules: string[], rest: string, line: string): void {
  const at = /^\d+$/.test(rest)
    ? Number(rest) - 1
    : rules.findIndex((rule) => canonical(wordsOf(rule)) === canonical(wordsOf(rest)));
  if (at < 0 || at >= rules.length) throw new Error(`no such rule: ${line}`);
  rules.splice(at, 1);
}

function removeChain(chains: Chains, chain: string, rules: readonly string[], line: string): void {
  const used = [...chains.values()].flat().some((rule) => rule.endsWith(`-j ${chain}`));
  if (rules.length > 0 || used) throw new Error(`chain is in use: ${line}`);
  chains.delete(chain);
}

export function save(model: Model): string {
  return [...model]
    .map(([table, chains]) => {
      const names = [...chains.keys()].map(
        (chain) => `:${chain} ${BUILT_IN[table]?.includes(chain) ? 'ACCEPT' : '-'} [0:0]`,
      );
      const sorted = [...chains].sort(([one], [other]) => (one < other ? -1 : 1));
      const rules = sorted.flatMap(([chain, all]) => all.map((rule) => `-A ${chain} ${rule}`));
      return [`*${table}`, ...names.sort(), ...rules, 'COMMIT', ''].join('\n');
    })
    .join('');
}
