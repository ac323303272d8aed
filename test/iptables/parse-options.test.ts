import { describe, expect, it } from 'vitest';
import { FLAGS } from '../../src/iptables/flags.ts';
import { iptablesHelp } from '../../src/iptables/help.ts';
import { parseOptions } from '../../src/iptables/parse-options.ts';
import { InputError } from '../../src/platform/errors.ts';
import { parse } from './parse.ts';

function problems(argv: readonly string[], env: Record<string, string> = {}): readonly string[] {
  try {
    parse(argv, { env });
  } catch (error) {
    if (error instanceof InputError) return error.problems;
    throw error;
  }
  return [];
}

describe('what is wrong', () => {
  it('is told all at once, each with flag and value', () => {
    const argv = [
      '-p',
      '0',
      '-z70000',
      '-b',
      '80,,x',
      '-x',
      '*',
      '-m',
      'SOCKS',
      '-i',
      '10.0.0.1,10.0.0.0/33,::ffff:1.2.3.4/128',
    ];
    expect(problems([...argv, '--nope', 'left-over'])).toEqual([
      'unknown flag: --nope',
      expect.stringMatching(/^"left-over": unexpected/),
      expect.stringMatching(/^-m: "SOCKS" is unknown; use "REDIRECT" or "TPROXY"/),
      expect.stringMatching(/^-p: "0" is not a port/),
      expect.stringMatching(/^-z: "70000" is not a port/),
      expect.stringMatching(/^-b "80,,x": "x" is not a port/),
      expect.stringMatching(/"10\.0\.0\.1" has no prefix; write 10\.0\.0\.1\/32/),
      expect.stringMatching(/"10\.0\.0\.0\/33": the prefix is a number from 0 to 32/),
      expect.stringMatching(/IPv4 inside IPv6; write 1\.2\.3\.4/),
      expect.stringMatching(/^-x "\*": "\*" goes with no other address, and only with -i/),
    ]);
  });

  it.each([
    [['-t', '0'], '-t: "0" is not a mark'],
    [['-t', '1338', '--compat', '1.30'], '-t: mark 1338 has another meaning'],
    [['-r', '254'], '-r: table 254 is the kernel'],
    [['-c', 'a-name-that-is-too-long'], 'is not the name of an interface'],
    [['-k', 'a;b'], ''],
    [['-k', 'a/b'], '"a/b" is not the name of an interface'],
    [['-u', 'nobody-here'], 'there is no user "nobody-here"'],
    [['-d', '*'], '"*" is not a port'],
    [['-p'], '-p: the value is missing'],
    [['--compat', '1.9'], '--compat: "1.9" is unknown; use "1.5" or "1.30"'],
    [['--compat', '1.5', '-q', '80'], '-q: the rules of 1.5 have no such thing'],
    [['--probe-timeout', '5'], '"5" is not a duration'],
    [['--redirect-dns=maybe'], '--redirect-dns: "maybe" is not true or false'],
    [['--force-iptables-binary', 'x'], 'use "nft" or "legacy"'],
  ])('%j', (argv, text) => {
    const found = problems(argv);
    if (text === '') expect(found).toEqual([]);
    else expect(found.join('\n')).toContain(text);
  });

  it.each([
    ['ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR', '10.0.0.0/8', 'is not a part of 127.0.0.0/8'],
    ['ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR', '127.0.0.0/7', 'is not a part of 127.0.0.0/8'],
    ['ISTIO_OUTBOUND_OWNER_GROUPS', Array.from({ length: 65 }, (_, at) => at).join(), '65 groups'],
    ['ENVOY_PORT', 'x', 'ENVOY_PORT: "x" is not a port'],
  ])('%s=%s', (name, value, text) => {
    expect(problems([], { [name]: value }).join()).toContain(text);
  });
});

describe('where a value comes from', () => {
  it.each([
    ['a flag', ['-p', '1'], { ENVOY_PORT: '2' }, 1],
    ['a long flag', ['--envoy-port=1'], {}, 1],
    ['the environment', [], { ENVOY_PORT: '2' }, 2],
    ['the default, where the variable is empty', [], { ENVOY_PORT: '' }, 15001],
    ['the last of several flags', ['-p1', '-p=3'], {}, 3],
  ])('%s', (_, argv, env, port) => {
    expect(parse(argv, { env }).interception.outboundPort).toBe(port);
  });

  it('a flag with an empty value wins too', () => {
    const env = { ISTIO_SERVICE_CIDR: '*', ISTIO_SERVICE_EXCLUDE_CIDR: '10.0.0.0/8' };
    const { interception } = parse(['-i', '', '-x', ''], { env });
    expect([interception.outboundCidrs, interception.outboundExcludedCidrs]).toEqual([[], []]);
  });

  it('the user of Envoy is looked up by name', () => {
    const file = (path: string) => (path === '/etc/passwd' ? 'envoy:x:101:102::/:/bin/false\n' : '');
    const { uids, gids } = parse(['--compat', '1.30'], { env: { ENVOY_USER: 'envoy' }, file }).interception;
    expect({ uids, gids }).toEqual({ uids: ['101'], gids: ['101'] });
  });
});

describe('whose rules', () => {
  it.each([
    [[], '1.5'],
    [['-i', '*', '-b', '*', '--run-validation'], '1.5'],
    [['-q', '80'], '1.30'],
    [['--redirect-dns'], '1.30'],
    [['--redirect-dns=false', '--force-apply=false'], '1.5'],
    [['--dual-stack'], '1.30'],
    [['--dual-stack', '--compat', '1.5'], '1.5'],
    [['--compat', '1.30'], '1.30'],
  ])('%j: %s', (argv, generation) => {
    expect(parse(argv).interception.generation).toBe(generation);
  });

  it('a variable of 1.30 counts as its flag', () => {
    expect(parse([], { env: { ISTIO_META_DNS_CAPTURE: 'true' } }).interception.generation).toBe('1.30');
  });
});

describe('families', () => {
  it.each([
    [['10.0.0.1', 'fd00::1'], [], ['ipv4']],
    [['fd00::1', '10.0.0.1'], [], ['ipv4', 'ipv6']],
    [['10.0.0.1', 'fd00::1'], ['--dual-stack'], ['ipv4', 'ipv6']],
    [['10.0.0.1'], ['--dual-stack'], ['ipv4']],
  ])('addresses %j, %j: %j', (addresses, argv, families) => {
    expect(parse(argv, { addresses }).interception.families).toEqual(families);
  });
});

describe('what is to be done', () => {
  it.each([
    [[], 'apply'],
    [['--cleanup-only'], 'clean-up'],
    [['--skip-rule-apply'], 'leave'],
  ])('%j: %s', (argv, kind) => {
    expect(parse(argv).task.kind).toBe(kind);
  });

  it('istio-clean-iptables always cleans up', () => {
    const options = parseOptions([], { env: {}, addresses: [], file: () => '' }, 'istio-clean-iptables');
    expect(options).toMatchObject({ task: { kind: 'clean-up' } });
  });

  it('an init container of 1.30 is understood, with its flags for the log', () => {
    const argv = [
      '-p',
      '15001',
      '-z',
      '15006',
      '-u',
      '1337',
      '-m',
      'REDIRECT',
      '-i',
      '*',
      '-x',
      '',
      '-b',
      '*',
      '-d',
      '15090,15021,15020',
    ];
    const options = parse([...argv, '--log_output_level=default:info', '--log_as_json', '--force-apply']);
    expect(options).toMatchObject({ task: { force: true }, interception: { generation: '1.30' } });
  });

  it('a list of ports with the rules of 1.5 leads elsewhere than one may think, so it warns', () => {
    expect(parse(['-b', '80']).warnings.join()).toContain('send inbound connections to 15001, not to 15006');
    expect(parse(['-b', '80', '--compat', '1.30']).warnings).toEqual([]);
  });
});

describe('the help text', () => {
  it.each(FLAGS.map(({ name }) => name))('names --%s', (name) => {
    expect(iptablesHelp).toMatch(new RegExp(`--${name}\\b`));
  });
});
