import { describe, expect, it } from 'vitest';
import { explain } from '../../src/iptables/explain.ts';
import { preview } from '../../src/iptables/report.ts';
import { rulesFor } from '../../src/iptables/rules.ts';
import { parse } from './parse.ts';

const explained = (...argv: string[]) => {
  const { interception } = parse(argv);
  return explain(interception, rulesFor(interception));
};

describe('the explanation', () => {
  it('says first what is taken where, and what is not', () => {
    const text = explained(
      '-u',
      '1337',
      '-i',
      '*',
      '-b',
      '*',
      '-d',
      '15090,15020',
      '-x',
      '10.0.0.0/8',
      '-o',
      '5432',
    );
    expect(text).toContain("Inbound   every TCP port goes to Envoy's port 15006, except 22, 15090, 15020.");
    expect(text).toContain(
      "Outbound  TCP to every address goes to Envoy's port 15001, except loopback, the pod itself, 10.0.0.0/8, port 5432.",
    );
    expect(text).toContain('Envoy     is whoever runs as user 1337 or group 1337');
  });

  it.each([
    [['-b', ''], 'Inbound   nothing is taken: -b is empty.'],
    [['-b', '80'], "Inbound   TCP port 80 goes to Envoy's port 15001."],
    [['-b', '80', '--compat', '1.30'], "Inbound   TCP port 80 goes to Envoy's port 15006."],
    [['-b', '*', '-m', 'TPROXY'], 'Envoy sees the address of the client'],
    [['-i', ''], 'Outbound  nothing is taken: -i is empty.'],
    [['--redirect-dns', '--capture-all-dns'], "DNS to any server goes to the agent's port 15053."],
    [['-b', '*', '-m', 'TPROXY'], 'Packets with mark 1337 are routed by table 133'],
  ])('of %j: %s', (argv, text) => {
    expect(explained(...argv)).toContain(text);
  });

  it('follows a packet from chain to chain, with a reason for each rule', () => {
    const text = explained('-u', '1337', '-i', '*', '-b', '*');
    const way = text.slice(text.indexOf('A packet starts in the pod'));
    const chains = [...way.matchAll(/^ {2}(\w+ \w+)$/gm)].map(([, name]) => name);
    expect(chains).toEqual(['nat OUTPUT', 'nat ISTIO_OUTPUT', 'nat ISTIO_IN_REDIRECT', 'nat ISTIO_REDIRECT']);
    expect(way).toMatch(/^ {4}-d 127\.0\.0\.1\/32 -j RETURN {2,}loopback is direct$/m);
  });
});

describe('--dry-run', () => {
  it('prints what a shell and iptables-restore take for comments, and the input', () => {
    const text = preview(parse(['-b', '80', '-m', 'TPROXY', '--dual-stack', '-n']));
    expect(text.match(/^# .*$/gm)).toEqual([
      '# ip -4 route add local default dev lo table 133',
      '# ip -4 rule add fwmark 1337 lookup 133',
      '# ip -6 addr add ::6/128 dev lo',
      '# ip -6 route add local default dev lo table 133',
      '# ip -6 rule add fwmark 1337 lookup 133',
      '# iptables-restore --noflush',
      '# ip6tables-restore --noflush',
    ]);
  });

  it('prints JSON', () => {
    const { generation, rules } = JSON.parse(preview(parse(['-b', '80', '--output', 'json'])));
    expect(generation).toBe('1.5');
    expect(rules.ipv4[0].rules).toContain('-A ISTIO_INBOUND -p tcp --dport 80 -j ISTIO_IN_REDIRECT');
    expect(rules.ipv6).toEqual([]);
  });
});
