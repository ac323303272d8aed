import { describe, expect, it } from 'vitest';
import type { Family } from '../../src/iptables/options.ts';
import { creation, printRestore } from '../../src/iptables/restore.ts';
import { rulesFor } from '../../src/iptables/rules.ts';
import { parse, words } from './parse.ts';

/** What `iptables-restore` (or ip6tables-restore) would get for a command line. */
function restoreInput(line: string, family: Family = 'ipv4', resolvConf = ''): string {
  const file = (path: string) => (path === '/etc/resolv.conf' ? resolvConf : '');
  return printRestore(rulesFor(parse(words(line), { file }).interception)[family].map(creation));
}

/** The rules of a chain, without its name. */
function chain(
  table: string,
  name: string,
  line: string,
  family: Family = 'ipv4',
  resolvConf = '',
): readonly string[] {
  const [, section = ''] =
    new RegExp(`^\\* ${table}\n(.*?)^COMMIT`, 'ms').exec(restoreInput(line, family, resolvConf)) ?? [];
  const rules = section.split('\n').flatMap((each) => /^-[AI] (\S+) (.*)$/.exec(each)?.slice(1, 3) ?? []);
  return rules.flatMap((word, at) => (at % 2 === 0 && word === name ? [rules[at + 1] ?? ''] : []));
}

describe('the command line of the seed', () => {
  const seed = "-p 15001 -z 15006 -u 1337 -m REDIRECT -i * -x '' -b * -d 15090,15020";

  it('gives the chains of the seed, in its order', () => {
    expect(restoreInput(seed)).toBe(`* nat
-N ISTIO_REDIRECT
-N ISTIO_IN_REDIRECT
-N ISTIO_INBOUND
-N ISTIO_OUTPUT
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-port 15001
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-port 15006
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A ISTIO_INBOUND -p tcp --dport 22 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15090 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15020 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A OUTPUT -p tcp -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
COMMIT
`);
  });

  it('gives nothing for IPv6 where the first address is of IPv4', () => {
    expect(restoreInput(seed, 'ipv6')).toBe('');
  });

  it('gives the same for IPv6 with dual stack, with the addresses of IPv6', () => {
    const v4 = restoreInput(seed).replaceAll('127.0.0.6/32', '::6/128').replaceAll('127.0.0.1/32', '::1/128');
    expect(restoreInput(`${seed} --dual-stack --compat 1.5`, 'ipv6')).toBe(v4);
  });

  it('gives the rules of 1.30 with --compat 1.30', () => {
    expect(restoreInput(`${seed} --compat 1.30`)).toBe(`* nat
-N ISTIO_INBOUND
-N ISTIO_REDIRECT
-N ISTIO_IN_REDIRECT
-N ISTIO_OUTPUT
-A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN
-A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
-A ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports 15006
-A PREROUTING -p tcp -j ISTIO_INBOUND
-A ISTIO_INBOUND -p tcp --dport 15090 -j RETURN
-A ISTIO_INBOUND -p tcp --dport 15020 -j RETURN
-A ISTIO_INBOUND -p tcp -j ISTIO_IN_REDIRECT
-A OUTPUT -j ISTIO_OUTPUT
-A ISTIO_OUTPUT -o lo -s 127.0.0.6/32 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --uid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --gid-owner 1337 -j ISTIO_IN_REDIRECT
-A ISTIO_OUTPUT -o lo -m owner ! --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
-A ISTIO_OUTPUT -d 127.0.0.1/32 -j RETURN
-A ISTIO_OUTPUT -j ISTIO_REDIRECT
COMMIT
`);
  });
});

describe('TPROXY', () => {
  const tproxy = '-u 1337 -m TPROXY -i * -b * -d 15090,15020';

  it('of 1.5 takes inbound connections in mangle, to the outbound port, and outbound ones in nat', () => {
    expect(restoreInput(tproxy)).toMatch(/^\* mangle\n-N ISTIO_DIVERT\n-N ISTIO_TPROXY\n-N ISTIO_INBOUND\n/);
    expect(chain('mangle', 'ISTIO_DIVERT', tproxy)).toEqual(['-j MARK --set-mark 1337', '-j ACCEPT']);
    expect(chain('mangle', 'ISTIO_TPROXY', tproxy)).toEqual([
      '! -d 127.0.0.1/32 -p tcp -j TPROXY --tproxy-mark 1337/0xffffffff --on-port 15001',
    ]);
    expect(chain('mangle', 'ISTIO_INBOUND', tproxy)).toEqual([
      '-p tcp --dport 22 -j RETURN',
      '-p tcp --dport 15090 -j RETURN',
      '-p tcp --dport 15020 -j RETURN',
      '-p tcp -m socket -j ISTIO_DIVERT',
      '-p tcp -j ISTIO_TPROXY',
    ]);
    expect(chain('nat', 'PREROUTING', tproxy)).toEqual([]);
    expect(chain('nat', 'ISTIO_OUTPUT', tproxy)).toEqual(
      chain('nat', 'ISTIO_OUTPUT', tproxy.replace('TPROXY', 'REDIRECT')),
    );
  });

  it('of 1.30 takes them to the inbound port, and leads answers back by marks', () => {
    const modern = `${tproxy} --compat 1.30`;
    expect(chain('mangle', 'PREROUTING', modern)).toEqual([
      '-p tcp -j ISTIO_INBOUND',
      '-p tcp -m mark --mark 1337 -j CONNMARK --save-mark',
    ]);
    expect(chain('mangle', 'ISTIO_TPROXY', modern)).toEqual([
      '! -d 127.0.0.1/32 -p tcp -j TPROXY --tproxy-mark 1337/0xffffffff --on-port 15006',
    ]);
    expect(chain('mangle', 'ISTIO_INBOUND', modern)).toEqual([
      '-p tcp --dport 15090 -j RETURN',
      '-p tcp --dport 15020 -j RETURN',
      '-p tcp -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT',
      '-p tcp -j ISTIO_TPROXY',
      '1 -p tcp -m mark --mark 1337 -j RETURN',
      '2 -p tcp -s 127.0.0.6/32 -i lo -j RETURN',
      '3 -p tcp -i lo -m mark ! --mark 1338 -j RETURN',
    ]);
    expect(chain('mangle', 'OUTPUT', modern)).toEqual([
      '-p tcp -o lo -m mark --mark 1337 -j RETURN',
      '! -d 127.0.0.1/32 -p tcp -o lo -m owner --uid-owner 1337 -j MARK --set-mark 1338',
      '! -d 127.0.0.1/32 -p tcp -o lo -m owner --gid-owner 1337 -j MARK --set-mark 1338',
      '-p tcp -m connmark --mark 1337 -j CONNMARK --restore-mark',
    ]);
    expect(chain('nat', 'ISTIO_INBOUND', modern)).toEqual(['-p tcp --dport 15008 -j RETURN']);
  });

  it("of 1.30 lets Envoy call its application from the client's address, which the original sends in circles", () => {
    const output = chain('nat', 'ISTIO_OUTPUT', `${tproxy} --compat 1.30`);
    expect(output.slice(0, 2)).toEqual([
      '-o lo -s 127.0.0.6/32 -j RETURN',
      '-o lo -p tcp -m mark --mark 1337 -j RETURN',
    ]);
  });
});

describe('inbound ports', () => {
  it.each([
    ['-b 80,443', ['-p tcp --dport 80 -j ISTIO_IN_REDIRECT', '-p tcp --dport 443 -j ISTIO_IN_REDIRECT']],
    ['-b *', ['-p tcp --dport 22 -j RETURN', '-p tcp -j ISTIO_IN_REDIRECT']],
    [
      '-b * -d 22',
      ['-p tcp --dport 22 -j RETURN', '-p tcp --dport 22 -j RETURN', '-p tcp -j ISTIO_IN_REDIRECT'],
    ],
    ["-b ''", []],
    ["-b '' --compat 1.30", ['-p tcp --dport 15008 -j RETURN']],
    ['-b 80 -e 9 --compat 1.30', ['-p tcp --dport 9 -j RETURN', '-p tcp --dport 80 -j ISTIO_IN_REDIRECT']],
  ])('%s', (line, expected) => {
    expect(chain('nat', 'ISTIO_INBOUND', line)).toEqual(expected);
  });

  it.each([
    ['-b *', 15006],
    ['-b 80', 15001],
    ["-b ''", 15001],
    ['-b 80 --compat 1.30', 15006],
    ['-b * -z 16006', 16006],
  ])('%s leads to port %i', (line, port) => {
    expect(chain('nat', 'ISTIO_IN_REDIRECT', line)).toEqual([expect.stringMatching(`--to-ports? ${port}$`)]);
  });
});

describe('outbound addresses and ports', () => {
  const after = (line: string) => {
    const rules = chain('nat', 'ISTIO_OUTPUT', line);
    return rules.slice(rules.findIndex((rule) => rule.startsWith('-d 127.')));
  };

  it.each([
    ['-i *', ['-d 127.0.0.1/32 -j RETURN', '-j ISTIO_REDIRECT']],
    ["-i ''", ['-d 127.0.0.1/32 -j RETURN']],
    ['-i 10.1.2.3/8,fd00::/8', ['-d 127.0.0.1/32 -j RETURN', '-d 10.0.0.0/8 -j ISTIO_REDIRECT', '-j RETURN']],
    ['-i 10.0.0.0/8 --compat 1.30', ['-d 127.0.0.1/32 -j RETURN', '-d 10.0.0.0/8 -j ISTIO_REDIRECT']],
    [
      '-i * -x 172.16.5.4/12',
      ['-d 127.0.0.1/32 -j RETURN', '-d 172.16.0.0/12 -j RETURN', '-j ISTIO_REDIRECT'],
    ],
    [
      '-q 80,443',
      [
        '-d 127.0.0.1/32 -j RETURN',
        '-p tcp --dport 80 -j ISTIO_REDIRECT',
        '-p tcp --dport 443 -j ISTIO_REDIRECT',
      ],
    ],
  ])('%s', (line, expected) => {
    expect(after(line)).toEqual(expected);
  });

  it.each([
    ['-o 5432', ['-p tcp --dport 5432 -j RETURN']],
    ['-o 5432 --compat 1.30', ['-p tcp --dport 5432 -j RETURN', '-p udp --dport 5432 -j RETURN']],
  ])('%s comes before everything else', (line, expected) => {
    expect(chain('nat', 'ISTIO_OUTPUT', line).slice(0, expected.length)).toEqual(expected);
  });

  it('keep calls of the pod itself out of it, unless loopback is to be taken', () => {
    expect(chain('nat', 'ISTIO_OUTPUT', '-i 127.1.2.3/32 --compat 1.30')).not.toContain(
      '-o lo -m owner ! --uid-owner 1337 -j RETURN',
    );
    expect(chain('nat', 'ISTIO_OUTPUT', '-i 10.0.0.0/8 --compat 1.30')).toContain(
      '-o lo -m owner ! --uid-owner 1337 -j RETURN',
    );
  });
});

describe('who Envoy is', () => {
  const owners = (line: string) =>
    chain('nat', 'ISTIO_OUTPUT', line).flatMap(
      (rule) => /^-m owner --(\w+)-owner (\d+) -j RETURN/.exec(rule)?.slice(1) ?? [],
    );

  it.each([
    ['-u 1337', ['uid', '1337', 'gid', '1337']],
    ['-u 3,4 -g 1,2', ['uid', '3', 'uid', '4', 'gid', '1', 'gid', '2']],
    ["-u ''", ['uid', '1337', 'uid', '0', 'gid', '1337', 'gid', '0']],
    ["-u '' --compat 1.30", ['uid', '1337', 'gid', '1337']],
  ])('%s', (line, expected) => {
    expect(owners(line)).toEqual(expected);
  });
});

describe('interfaces', () => {
  const mine = '-m comment --comment pilot-agent';

  it('of virtual machines are outbound, before everything else', () => {
    expect(chain('nat', 'PREROUTING', '-i * -k eth1,eth2')).toEqual([
      `1 -i eth1 ${mine} -j RETURN`,
      `1 -i eth2 ${mine} -j RETURN`,
      '1 -i eth1 -j ISTIO_REDIRECT',
      '1 -i eth2 -j ISTIO_REDIRECT',
    ]);
    expect(chain('nat', 'PREROUTING', '-i 10.0.0.0/8 -k eth1')).toEqual([
      `1 -i eth1 ${mine} -j RETURN`,
      '1 -i eth1 -d 10.0.0.0/8 -j ISTIO_REDIRECT',
    ]);
  });

  it('that are left alone come first, and bear a comment by which clean-up knows them', () => {
    expect(chain('nat', 'PREROUTING', '-c eth1 -b *')).toEqual([
      `-i eth1 ${mine} -j RETURN`,
      '-p tcp -j ISTIO_INBOUND',
    ]);
    expect(chain('nat', 'OUTPUT', '-c eth1')).toEqual([`-o eth1 ${mine} -j RETURN`, '-j ISTIO_OUTPUT']);
    expect(chain('mangle', 'OUTPUT', '-c eth1 -m TPROXY -b *')[0]).toBe(`-o eth1 ${mine} -j RETURN`);
  });
});

describe('DNS', () => {
  const line = '-u 3 -g 1 --redirect-dns';
  const resolvConf = 'search a.b\nnameserver 127.0.0.53\nnameserver ::127.0.0.53\n';

  it('to the servers of /etc/resolv.conf goes to the agent, and is tracked apart from its own', () => {
    expect(chain('nat', 'ISTIO_OUTPUT', line, 'ipv4', resolvConf)).toEqual([
      '-o lo -s 127.0.0.6/32 -j RETURN',
      '-o lo ! -d 127.0.0.1/32 -p tcp -m multiport ! --dports 53,15008 -m owner --uid-owner 3 -j ISTIO_IN_REDIRECT',
      '-o lo -p tcp ! --dport 53 -m owner ! --uid-owner 3 -j RETURN',
      '-m owner --uid-owner 3 -j RETURN',
      '-o lo ! -d 127.0.0.1/32 -p tcp ! --dport 15008 -m owner --gid-owner 1 -j ISTIO_IN_REDIRECT',
      '-o lo -p tcp ! --dport 53 -m owner ! --gid-owner 1 -j RETURN',
      '-m owner --gid-owner 1 -j RETURN',
      '-j ISTIO_OUTPUT_DNS',
      '-d 127.0.0.1/32 -j RETURN',
    ]);
    expect(chain('nat', 'ISTIO_OUTPUT_DNS', line, 'ipv4', resolvConf)).toEqual([
      '-p tcp --dport 53 -d 127.0.0.53/32 -j REDIRECT --to-ports 15053',
      '-p udp --dport 53 -d 127.0.0.53/32 -j REDIRECT --to-port 15053',
    ]);
    expect(chain('raw', 'ISTIO_OUTPUT_DNS', line, 'ipv4', resolvConf)).toEqual([
      '-p udp --dport 53 -m owner --uid-owner 3 -j CT --zone 1',
      '-p udp --sport 15053 -m owner --uid-owner 3 -j CT --zone 2',
      '-p udp --dport 53 -m owner --gid-owner 1 -j CT --zone 1',
      '-p udp --sport 15053 -m owner --gid-owner 1 -j CT --zone 2',
      '-p udp --dport 53 -d 127.0.0.53/32 -j CT --zone 2',
    ]);
    expect(chain('raw', 'ISTIO_INBOUND', line, 'ipv4', resolvConf)).toEqual([
      '-p udp --sport 53 -s 127.0.0.53/32 -j CT --zone 1',
    ]);
  });

  it('of IPv6 has its own servers', () => {
    expect(chain('nat', 'ISTIO_OUTPUT_DNS', `${line} --dual-stack`, 'ipv6', resolvConf)).toEqual([
      '-p tcp --dport 53 -d ::7f00:35/128 -j REDIRECT --to-ports 15053',
      '-p udp --dport 53 -d ::7f00:35/128 -j REDIRECT --to-port 15053',
    ]);
  });

  it('to any server is taken with --capture-all-dns', () => {
    expect(chain('nat', 'ISTIO_OUTPUT_DNS', `${line} --capture-all-dns`)).toEqual([
      '-p tcp --dport 53 -j REDIRECT --to-ports 15053',
      '-p udp --dport 53 -j REDIRECT --to-port 15053',
    ]);
  });

  it('is left alone, with a warning, where there is no server', () => {
    expect(chain('nat', 'ISTIO_OUTPUT_DNS', line)).toEqual([]);
    expect(parse(words(line)).warnings.join()).toContain('/etc/resolv.conf names no server');
  });
});

describe('groups', () => {
  const groups = (env: Record<string, string>) => {
    const file = (path: string) => (path === '/etc/group' ? 'root:x:0:\njava:x:202:a,b\n' : '');
    const { ipv4 } = rulesFor(parse([], { env, file }).interception);
    const rules = ipv4.flatMap((table) => table.rules).map(({ spec }) => spec.join(' '));
    return rules.filter((rule) => /gid-owner (202|888)/.test(rule));
  };

  it('that are named are taken, others left alone', () => {
    expect(groups({ ISTIO_OUTBOUND_OWNER_GROUPS: 'java,888' })).toEqual([
      '-m owner ! --gid-owner 202 -m owner ! --gid-owner 888 -j RETURN',
    ]);
  });

  it('that are excluded are left alone', () => {
    expect(groups({ ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE: '888,java' })).toEqual([
      '-m owner --gid-owner 888 -j RETURN',
      '-m owner --gid-owner 202 -j RETURN',
    ]);
  });
});

it('--drop-invalid drops packets of no known connection', () => {
  expect(chain('mangle', 'PREROUTING', '--drop-invalid')).toEqual([
    '-m conntrack --ctstate INVALID -j ISTIO_DROP',
  ]);
  expect(chain('mangle', 'ISTIO_DROP', '--drop-invalid')).toEqual(['-j DROP']);
});
