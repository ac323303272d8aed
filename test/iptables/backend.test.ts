import { describe, expect, it } from 'vitest';
import { inspectFamily } from '../../src/iptables/backend.ts';
import type { Run } from '../../src/iptables/command.ts';

const FOREIGN = '*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j RETURN\nCOMMIT\n';
const EMPTY = '*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n';
const OURS = '*nat\n:ISTIO_OUTPUT - [0:0]\n-A OUTPUT -p tcp -j ISTIO_OUTPUT\nCOMMIT\n';

/** A machine on which these programs print this; others it does not have. */
const machine =
  (prints: Readonly<Record<string, string>>): Run =>
  async (file) => {
    const stdout = prints[file];
    if (stdout === undefined)
      return { exitCode: undefined, stdout: '', stderr: `there is no program ${file}` };
    if (stdout === 'fails')
      return { exitCode: 1, stdout: '', stderr: 'Could not fetch rule set generation id' };
    return { exitCode: 0, stdout, stderr: '' };
  };

describe('rules go', () => {
  const both = (nft: string, legacy: string) => ({
    'iptables-nft-save': nft,
    'iptables-legacy-save': legacy,
  });

  it.each([
    ['to nft where nobody has rules', both('', ''), undefined, 'nft', []],
    ['to nft where legacy tables are there but empty', both('', EMPTY), undefined, 'nft', []],
    ['to legacy where somebody has rules there', both('', FOREIGN), undefined, 'legacy', []],
    ['to where ours are', both(OURS, FOREIGN), undefined, 'nft', []],
    ['to where the user says', both('', FOREIGN), 'nft', 'nft', []],
    ['to where the user says, and away from elsewhere', both('', OURS), 'nft', 'nft', ['legacy']],
    ['to one place, where both have some of ours', both(OURS, OURS), undefined, 'nft', ['legacy']],
    ['to legacy where nft does not work', both('fails', ''), undefined, 'legacy', []],
    ['to iptables itself where it has no other name', { 'iptables-save': '' }, undefined, 'plain', []],
  ] as const)('%s', async (_, prints, forced, kind, others) => {
    const found = await inspectFamily(machine(prints), 'ipv4', forced);
    expect(found.chosen?.kind).toBe(kind);
    expect(found.others.map((each) => each.kind)).toEqual(others);
  });

  it('nowhere where nothing works, and the reason is told', async () => {
    const { chosen, problem } = await inspectFamily(
      machine({ 'ip6tables-nft-save': 'fails' }),
      'ipv6',
      undefined,
    );
    expect(chosen).toBeUndefined();
    expect(problem).toBe(
      'ip6tables-nft-save: Could not fetch rule set generation id; there is no program ip6tables-legacy-save',
    );
  });
});
