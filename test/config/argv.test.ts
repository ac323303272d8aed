import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseArgv, wantsHelp } from '../../src/config/argv.ts';

const texts = (argv: readonly string[]) =>
  Object.fromEntries([...parseArgv(argv).flags].map(([key, { text }]) => [key, text]));

describe('flags', () => {
  it.each([
    ['a value as the next word', ['--domain', 'a.b'], { domain: 'a.b' }],
    ['a value after =', ['--domain=a=b'], { domain: 'a=b' }],
    ['an empty value', ['--proxyLogLevel', '', '--domain='], { proxyLogLevel: '', domain: '' }],
    ['a value that starts with a dash', ['--domain', '-x'], { domain: '-x' }],
    ['a boolean', ['--log_as_json', '--profiling=false'], { logAsJson: 'true', profiling: 'false' }],
    ['a boolean before the role', ['--log_as_json', 'router'], { logAsJson: 'true' }],
    ['the last of several', ['--domain', 'a', '--domain=b'], { domain: 'b' }],
    ['an alias', ['--base-id', '7'], { baseId: '7' }],
  ])('%s', (_what, argv, flags) => expect(texts(argv)).toEqual(flags));

  it('takes a truth value as the next word too, with a warning', () => {
    const { flags, role, warnings } = parseArgv(['--controlPlaneBootstrap', 'false', 'router']);
    expect(flags.get('controlPlaneBootstrap')?.text).toBe('false');
    expect(role).toBe('router');
    expect(warnings).toEqual(['--controlPlaneBootstrap false: write --controlPlaneBootstrap=false']);
  });

  it.each([
    ['at the end', ['--domain'], ['--domain: the value is missing; write --domain=value']],
    ['before a flag', ['--domain', '--ip=::1'], ['--domain: the value is missing; write --domain=value']],
    ['no name', ['--=x'], ['"--=x": not a flag; write --flag=value']],
  ])('reports a flag with nothing to it: %s', (_what, argv, problems) => {
    expect(parseArgv(argv).problems).toEqual(problems);
  });
});

describe('the role', () => {
  it.each([
    [[], 'sidecar'],
    [['sidecar'], 'sidecar'],
    [['router'], 'router'],
    [['--domain', 'x', 'router', '--concurrency=2'], 'router'],
    [['--whatever', 'router'], 'router'],
    [['--whatever', 'sidecar'], 'sidecar'],
    [['--whatever', 'value', 'router'], 'router'],
    [['--whatever=value', 'router'], 'router'],
    [['router', '--whatever', 'sidecar'], 'router'],
    [['--whatever', 'sidecar', 'router'], 'router'],
    [['-x', 'router'], 'router'],
    [['--domain', 'router'], 'sidecar'],
    [['--', 'router'], 'router'],
  ])('%j is %s', (argv, role) => {
    expect(parseArgv(argv)).toMatchObject({ role, problems: [] });
  });

  it.each([
    [['gateway'], '"gateway": unknown role; use sidecar or router'],
    [['waypoint'], '"waypoint": this role is not supported; use sidecar or router'],
    [['ztunnel'], '"ztunnel": this role is not supported; use sidecar or router'],
    [['--whatever', 'agentgateway'], '"agentgateway": this role is not supported; use sidecar or router'],
    [['router', 'x'], '"x": unexpected after the role "router"; flags take their value as --flag=value'],
  ])('%j is refused', (argv, problem) => expect(parseArgv(argv).problems).toEqual([problem]));

  it('names each unknown flag', () => {
    expect(parseArgv(['--whatever', 'x', '-q', '--other=1']).warnings).toEqual(
      ['--whatever', '-q', '--other'].map(
        (flag) => `unknown flag ${flag}, ignored; see pilot-agent proxy --help`,
      ),
    );
  });

  it('is not moved by unknown flags, wherever they are and whatever their values', () => {
    const unknown = fc
      .tuple(fc.stringMatching(/^--unknown[a-z]{0,5}$/), fc.stringMatching(/^[a-z0-9./]{1,8}$/), fc.nat(3))
      .map(([flag, value, form]) =>
        form === 0 ? [flag] : form === 1 ? [`${flag}=${value}`] : form === 2 ? [flag, value] : ['-z'],
      );
    const parts = fc.array(unknown, { maxLength: 5 });
    fc.assert(
      fc.property(parts, fc.constantFrom('sidecar', 'router'), parts, (before, role, after) => {
        const argv = [...before.flat(), role, ...after.flat()];
        const parsed = parseArgv(argv);
        return parsed.role === role && parsed.problems.length === 0;
      }),
    );
  });
});

it('does not care for the order of different flags', () => {
  const flag = fc.constantFrom(
    ['--domain', 'a.b'],
    ['--concurrency=4'],
    ['--log_as_json'],
    ['--statusPort', '15020'],
    ['--trust-domain=td'],
    ['router'],
  );
  const shuffled = fc
    .uniqueArray(flag)
    .chain((flags) => fc.tuple(fc.constant(flags), fc.shuffledSubarray(flags, { minLength: flags.length })));
  fc.assert(
    fc.property(shuffled, ([one, other]) => {
      expect(texts(other.flat())).toEqual(texts(one.flat()));
      expect(parseArgv(other.flat()).role).toBe(parseArgv(one.flat()).role);
    }),
  );
});

it('never throws', () => {
  fc.assert(fc.property(fc.array(fc.string()), (argv) => void parseArgv(argv)));
});

describe('wantsHelp', () => {
  it.each([
    [['-h'], true],
    [['sidecar', '--help'], true],
    [['--whatever', '--help'], true],
    [['--help=false'], false],
    [['--mixerIdentity=--help'], false],
    [[], false],
  ])('%j: %s', (argv, wanted) => expect(wantsHelp(argv)).toBe(wanted));
});
