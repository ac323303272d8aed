import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDump } from '../../src/iptables/dump.ts';
import { printRestore } from '../../src/iptables/restore.ts';
import type { TableRules } from '../../src/iptables/rule.ts';
import { rulesFor } from '../../src/iptables/rules.ts';
import { formerTable, isInPlace, ownTables, transition, wantedTable } from '../../src/iptables/transition.ts';
import { commandLine } from './arbitrary.ts';
import { emptyModel, type Model, restore, save } from './model.ts';
import { parse } from './parse.ts';

/** Rules of somebody else; some equal rules of ours. */
const FOREIGN = [
  ['nat', 'PREROUTING', '-p tcp -m tcp --dport 9 -j RETURN'],
  ['nat', 'PREROUTING', '-i eth1 -j RETURN'],
  ['nat', 'OUTPUT', '-o eth1 -j RETURN'],
  ['nat', 'OUTPUT', '-o eth2 -j RETURN'],
  ['nat', 'OUTPUT', '-m comment --comment "-j ISTIO_OUTPUT" -j OTHER'],
  ['mangle', 'OUTPUT', '-p udp -j MARK --set-xmark 0x9/0xffffffff'],
  ['mangle', 'PREROUTING', '-i eth1 -j RETURN'],
  ['raw', 'OUTPUT', '-o lo -j ACCEPT'],
  ['filter', 'INPUT', '-p tcp -j DROP'],
  ['nat', 'OTHER', '-j RETURN'],
] as const;

const foreign = fc.subarray([...FOREIGN]);

function machine(rules: readonly (typeof FOREIGN)[number][]): Model {
  const model = emptyModel();
  model.get('nat')?.set('OTHER', []);
  for (const [table, chain, rule] of rules) model.get(table)?.get(chain)?.push(rule);
  return model;
}

function rulesOf(argv: readonly string[]): readonly TableRules[] {
  const { ipv4, ipv6 } = rulesFor(parse(argv, { addresses: ['2001:db8::1'] }).interception);
  return argv.length % 2 === 0 ? ipv4 : ipv6;
}

function own(model: Model) {
  return ownTables(parseDump(save(model)));
}

function apply(model: Model, rules: readonly TableRules[]): void {
  restore(model, printRestore(transition(own(model), rules.map(wantedTable))));
}

describe('whatever the options and whoever else has rules', () => {
  it('rules that are in place are recognised', () => {
    fc.assert(
      fc.property(commandLine, foreign, (argv, others) => {
        const [model, rules] = [machine(others), rulesOf(argv)];
        expect(isInPlace(own(model), rules)).toBe(rules.length === 0);
        apply(model, rules);
        expect(isInPlace(own(model), rules)).toBe(true);
      }),
    );
  });

  it('clean-up leaves the tables as they were', () => {
    fc.assert(
      fc.property(commandLine, foreign, (argv, others) => {
        const model = machine(others);
        const before = save(model);
        apply(model, rulesOf(argv));
        restore(model, printRestore(transition(own(model), [])));
        expect(save(model)).toBe(before);
      }),
    );
  });

  it('other rules replace those that are there, and can be put back', () => {
    fc.assert(
      fc.property(commandLine, commandLine, foreign, (first, second, others) => {
        const [model, fresh] = [machine(others), machine(others)];
        const [old, next] = [rulesOf(first), rulesOf(second)];
        apply(model, old);
        const before = save(model);
        const former = own(model);
        restore(model, printRestore(transition(former, next.map(wantedTable))));
        apply(fresh, next);
        expect(save(model)).toBe(save(fresh));
        restore(model, printRestore(transition(own(model), former.map(formerTable))));
        expect(save(model)).toBe(before);
      }),
    );
  });

  it('at no moment of a replacement is a part old and a part new without the guard before it', () => {
    fc.assert(
      fc.property(commandLine, commandLine, foreign, (first, second, others) => {
        const [model, next] = [machine(others), rulesOf(second)];
        apply(model, rulesOf(first));
        const sections = transition(own(model), next.map(wantedTable));
        const after = machine(others);
        apply(after, next);
        const whole = [save(model), save(after)];
        for (const section of sections) {
          restore(model, printRestore([section]));
          const guarded = ['INPUT', 'FORWARD', 'OUTPUT'].every((chain) => {
            const rules = model.get('filter')?.get(chain) ?? [];
            const ahead = rules.slice(0, 2).sort();
            return ahead.join() === '-p tcp -j ISTIO_GUARD,-p udp -j ISTIO_GUARD';
          });
          expect(guarded || whole.includes(save(model)), save(model)).toBe(true);
        }
        expect(save(model)).toBe(whole[1]);
      }),
    );
  });
});
