import type { Family, Interception } from './options.ts';
import { byTable, type TableRules } from './rule.ts';
import { rules1_5 } from './rules-1-5.ts';
import { rules1_30 } from './rules-1-30.ts';

/** The rules of each family; none for a family that is off. */
export type FamilyRules = Readonly<Record<Family, readonly TableRules[]>>;

/** What is to be intercepted -> the rules that do it. Pure. */
export function rulesFor(options: Interception): FamilyRules {
  const make = options.generation === '1.5' ? rules1_5 : rules1_30;
  const of = (family: Family) => (options.families.includes(family) ? byTable(make(options, family)) : []);
  return { ipv4: of('ipv4'), ipv6: of('ipv6') };
}
