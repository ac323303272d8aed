import { describe, expect, it } from 'vitest';
import { ipCommand, parseMarkRules, planEntries, wantedEntries } from '../../src/iptables/routes.ts';
import { parse } from './parse.ts';

const added = (argv: readonly string[]) =>
  wantedEntries(parse(argv).interception).map((entry) => ipCommand(entry, 'add').join(' '));

describe('beside the rules', () => {
  it.each([
    [[], []],
    [['-m', 'TPROXY'], []],
    [
      ['-m', 'TPROXY', '-b', '*'],
      ['-4 route add local default dev lo table 133', '-4 rule add fwmark 1337 lookup 133'],
    ],
    [['--dual-stack'], ['-6 addr add ::6/128 dev lo']],
  ])('%j needs %j', (argv, commands) => {
    expect(added(argv)).toEqual(commands);
  });
});

describe('rules of routing', () => {
  const text = `0:	from all lookup local
100:	from 10.0.0.0/8 fwmark 0x539 lookup 133
32764:	from all fwmark 0x539/0xff lookup 133
32765:	from all fwmark 0x539 lookup 133
32766:	from all fwmark 0x5 lookup 7
32766:	from all lookup main
`;
  const { interception } = parse(['-m', 'TPROXY', '-b', '*']);
  const wanted = wantedEntries(interception);
  const rules = parseMarkRules(text, 'ipv4');
  const state = {
    rules,
    entries: [...wanted, { family: 'ipv4', object: 'rule', spec: 'fwmark 5 lookup 7' }] as const,
  };
  const words = (entries: readonly (typeof wanted)[number][]) =>
    entries.map((entry) => ipCommand(entry, 'del').join(' '));

  it('are only those of a mark and nothing else', () => {
    expect(rules).toEqual([
      { family: 'ipv4', mark: 1337, table: '133' },
      { family: 'ipv4', mark: 5, table: '7' },
    ]);
  });

  it('that are there are not added again', () => {
    expect(planEntries(state, interception, [1337], wanted, false)).toEqual({ add: [], remove: [] });
  });

  it('go with what they lead to, the rule first; those of others stay', () => {
    const { remove } = planEntries(state, interception, [], [], true);
    expect(words(remove)).toEqual([
      '-4 rule del fwmark 1337 lookup 133',
      '-4 route del local default dev lo table 133',
    ]);
  });

  it('of chains with another mark go too', () => {
    const { remove } = planEntries(state, interception, [5], [], true);
    expect(words(remove)).toContain('-4 rule del fwmark 5 lookup 7');
  });
});
