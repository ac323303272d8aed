/** Which chains and rules of a table are this program's: found in what the kernel has, without a memory of what was added. */
import { canonical } from './canonical.ts';
import { type DumpRule, type DumpTable, wordsOf } from './dump.ts';
import { LOOPED_MARK } from './marks.ts';
import { isOwnChain, jumpTarget, OWN_COMMENT } from './rule.ts';

export interface OwnRule extends DumpRule {
  /** Its place in its chain, from 1, among all rules. */
  readonly place: number;
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
 * Finds what is ours in a table: chains of our names, and rules elsewhere that lead to them, that bear our comment, or that are
 * those of 1.30 for marks.
 */
export function findOwn(dump: DumpTable): OwnTable {
  const marks = marksOf(dump);
  const places = new Map<string, number>();
  const hooks = dump.rules.flatMap((rule): readonly OwnRule[] => {
    const place = (places.get(rule.chain) ?? 0) + 1;
    places.set(rule.chain, place);
    if (isOwnChain(rule.chain)) return [];
    const words = wordsOf(rule.text);
    const ours = jumpTarget(words) !== undefined || hasOwnComment(words) || isMarkRule(rule, dump, marks);
    return ours ? [{ ...rule, place }] : [];
  });
  const rules = dump.rules.filter(({ chain }) => isOwnChain(chain));
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

function hasOwnComment(words: readonly string[]): boolean {
  return words[words.indexOf('--comment') + 1] === OWN_COMMENT && words.includes('--comment');
}

/** The rules that 1.30 puts for TPROXY into chains of the kernel. */
function isMarkRule({ chain, text }: DumpRule, { table }: DumpTable, marks: readonly number[]): boolean {
  if (table !== 'mangle') return false;
  const shape = canonical(wordsOf(text));
  const looped = /^! -d \S+ (?=.*--[ug]id-owner \d+ )--\S+ \w+ --\S+ \w+ -j MARK -o lo -p tcp$/;
  const isLooped = looped.test(shape) && shape.includes(`--set-xmark ${hexOf(LOOPED_MARK)} `);
  if (chain === 'OUTPUT' && isLooped) return true;
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
