/** Which chains and rules of a table are this program's: found in what the kernel has, without a memory of what was added. */
import { canonical } from './canonical.ts';
import { type DumpRule, type DumpTable, wordsOf } from './dump.ts';
import { LOOPED_MARK } from './marks.ts';
import { isBuiltIn, isOwnChain, jumpTarget, type TableRules } from './rule.ts';

export interface OwnRule extends DumpRule {
  /** Its place in its chain, from 1, among all rules. */
  readonly place: number;
  /** An equal rule that is not ours stands before it. */
  readonly ambiguous: boolean;
}

export interface OwnTable {
  readonly table: string;
  readonly chains: readonly string[];
  /** Of our chains. */
  readonly rules: readonly DumpRule[];
  /** Of the kernel's chains and of others. */
  readonly hooks: readonly OwnRule[];
}

/**
 * Finds what is ours in a table: chains of our names; rules elsewhere that lead to them; rules that the options at hand would
 * add; and, whatever the options were, rules of TPROXY and, next to one of ours, of interfaces that are left alone.
 * @param wanted what the options at hand would add to this table
 */
export function findOwn(dump: DumpTable, wanted: TableRules | undefined): OwnTable {
  const expected = new Set(
    (wanted?.rules ?? []).filter(({ chain }) => isBuiltIn(chain)).map((rule) => key(rule.chain, rule.spec)),
  );
  const rules = dump.rules.filter(({ chain }) => isOwnChain(chain));
  const marks = marksOf(dump);
  const others = dump.rules.filter(({ chain }) => !isOwnChain(chain));
  const hooks = [...new Set(others.map(({ chain }) => chain))].flatMap((chain) =>
    pick(
      others.filter((rule) => rule.chain === chain),
      (rule) => {
        const words = wordsOf(rule.text);
        return (
          jumpTarget(words) !== undefined || expected.has(key(chain, words)) || isMarkRule(rule, dump, marks)
        );
      },
    ),
  );
  return { table: dump.table, chains: dump.chains.filter(isOwnChain), rules, hooks };
}

export function isEmpty({ chains, hooks }: OwnTable): boolean {
  return chains.length === 0 && hooks.length === 0;
}

/** Marks that the chains of TPROXY set. */
export function marksOf(dump: DumpTable): readonly number[] {
  if (dump.table !== 'mangle') return [];
  const own = dump.rules.filter(({ chain }) => chain === 'ISTIO_DIVERT' || chain === 'ISTIO_TPROXY');
  const texts = own.flatMap(
    ({ text }) => /--(?:set-x?mark|tproxy-mark) (0x[\da-f]+|\d+)/.exec(text)?.[1] ?? [],
  );
  return [...new Set(texts.map(Number))];
}

function key(chain: string, words: readonly string[]): string {
  return `${chain} ${canonical(words)}`;
}

/** Ours by themselves, and the interfaces next to them. */
function pick(rules: readonly DumpRule[], isOurs: (rule: DumpRule) => boolean): readonly OwnRule[] {
  const ours = rules.map(isOurs);
  const spread = (at: number, from: number) => {
    if (ours[from] && !ours[at] && isInterfaceRule(rules[at])) ours[at] = true;
  };
  for (let at = 1; at < rules.length; at += 1) spread(at, at - 1);
  for (let at = rules.length - 2; at >= 0; at -= 1) spread(at, at + 1);
  return rules.flatMap((rule, at) => {
    if (!ours[at]) return [];
    const ambiguous = rules.some(({ text }, other) => other < at && !ours[other] && text === rule.text);
    return [{ ...rule, place: at + 1, ambiguous }];
  });
}

/** `-c` and `-k` of the same run: `-i eth1 -j RETURN`. */
function isInterfaceRule(rule: DumpRule | undefined): boolean {
  return rule !== undefined && /^-[io] \S+ -j RETURN$/.test(rule.text);
}

/** The rules that 1.30 puts for TPROXY into chains of the kernel. */
function isMarkRule({ chain, text }: DumpRule, { table }: DumpTable, marks: readonly number[]): boolean {
  if (table !== 'mangle') return false;
  const shape = canonical(wordsOf(text));
  const looped = /^! -d \S+ (?=.*--[ug]id-owner \d+ )--\S+ \w+ --\S+ \w+ -j MARK -o lo -p tcp$/;
  if (chain === 'OUTPUT' && looped.test(shape) && shape.includes(`--set-xmark ${hexOf(LOOPED_MARK)} `))
    return true;
  return marks.some((mark) => {
    const hex = hexOf(mark);
    return [
      `PREROUTING --mark ${hex} --save-mark -j CONNMARK -p tcp`,
      `OUTPUT --mark ${hex} -j RETURN -o lo -p tcp`,
      `OUTPUT --mark ${hex} --restore-mark -j CONNMARK -m connmark -p tcp`,
    ].includes(`${chain} ${shape}`);
  });
}

function hexOf(mark: number): string {
  return `0x${mark.toString(16)}`;
}
