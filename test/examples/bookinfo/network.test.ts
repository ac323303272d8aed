import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { missingOn } from '../../../scripts/bookinfo/machine.ts';
import { conflictingRoute, planNetwork, subnetOf } from '../../../scripts/bookinfo/network.ts';
import { readOptions } from '../../../scripts/bookinfo/options.ts';

const PODS = [
  { namespace: 'bookinfo-a', address: '10.91.0.11' },
  { namespace: 'bookinfo-b', address: '10.91.0.12' },
];

describe('the network', () => {
  const { steps, subnet } = planNetwork('bookinfo', PODS);
  const commands = steps.map(({ make }) => make.join(' '));

  it('gives this machine the first address', () => {
    expect(subnet).toEqual({ cidr: '10.91.0.0/24', host: '10.91.0.1', bridge: '10.91.0.2' });
    expect(commands).toContain('ip address add 10.91.0.1/24 dev bookinfo');
  });

  it('joins every pod to the bridge', () => {
    expect(commands).toContain('ip -n bookinfo link add pod1 type veth peer name eth0 netns bookinfo-b');
    expect(commands).toContain('ip -n bookinfo link set pod1 master bridge up');
    expect(commands).toContain('ip -n bookinfo-b address add 10.91.0.12/24 dev eth0');
    expect(commands).toContain('ip -n bookinfo-b route add default via 10.91.0.1');
  });

  it('takes away what it makes outside of its namespaces', () => {
    const undone = steps.flatMap(({ undo }) => (undo === undefined ? [] : undo.join(' ')));
    expect(undone).toEqual([
      'ip netns del bookinfo',
      'ip link del bookinfo',
      'ip netns del bookinfo-a',
      'ip netns del bookinfo-b',
    ]);
  });
});

describe('the subnet', () => {
  it('is told every address that does not go with it', () => {
    const addresses = ['10.91.0.11', '10.92.0.12', 'fd00::1', '10.91.0.1', '10.91.0.2', '10.91.0.11'];
    expect(() => subnetOf(addresses)).toThrow(
      'addresses of pods: 10.92.0.12 is not in 10.91.0.0/24, as 10.91.0.11 is; "fd00::1" is no IPv4 address; ' +
        '10.91.0.1 is for this machine; 10.91.0.2 is for the bridge; 10.91.0.11 is there twice',
    );
  });

  it.each([
    ['10.91.0.0/24', true],
    ['10.0.0.0/8', true],
    ['10.91.0.77', true],
    ['10.91.1.0/24', false],
    ['172.17.0.0/16', false],
    ['default', false],
  ])('meets the route %s: %s', (route, meets) => {
    expect(conflictingRoute('10.91.0.0/24', ['default', '192.0.2.0/24', route])).toBe(
      meets ? route : undefined,
    );
  });

  it('meets a route exactly when they have an address in common', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const cidr = fc.tuple(fc.constantFrom(10, 11), byte, byte, byte, fc.integer({ min: 8, max: 32 }));
    const toText = ([a, b, c, d, length]: readonly number[]) => `${a}.${b}.${c}.${d}/${length}`;
    const bits = (text: string) => {
      const [address = '', length = ''] = text.split('/');
      const all = address.split('.').map((part) => Number(part).toString(2).padStart(8, '0'));
      return all.join('').slice(0, Number(length));
    };
    fc.assert(
      fc.property(cidr.map(toText), cidr.map(toText), (one, other) => {
        const [a, b] = [bits(one), bits(other)];
        expect(conflictingRoute(one, [other]) !== undefined).toBe(a.startsWith(b) || b.startsWith(a));
      }),
    );
  });
});

describe('what is missing', () => {
  const machine = { isRoot: true, hasTool: () => true, routes: ['default', '10.1.0.0/16'] };

  it('is nothing on a machine that has it all', () => {
    expect(missingOn(machine, '10.91.0.0/24', true)).toEqual([]);
  });

  it('is said all at once, with what to do', () => {
    const bare = { isRoot: false, hasTool: () => false, routes: ['10.0.0.0/8'] };
    expect(missingOn(bare, '10.91.0.0/24', true)).toEqual([
      expect.stringContaining('sudo npm run bookinfo'),
      'ip is not on PATH: apt-get install iproute2',
      'mount is not on PATH: apt-get install mount',
      'iptables-restore is not on PATH: apt-get install iptables',
      expect.stringContaining('10.91.0.0/24 is taken on this machine, by the route 10.0.0.0/8'),
    ]);
  });

  it('is not iptables where there are no sidecars', () => {
    const withoutIptables = { ...machine, hasTool: (name: string) => name !== 'iptables-restore' };
    expect(missingOn(withoutIptables, '10.91.0.0/24', false)).toEqual([]);
    expect(missingOn(withoutIptables, '10.91.0.0/24', true)).toHaveLength(1);
  });
});

describe('the command line', () => {
  it('has sidecars, and chooses by the machine, when nothing is said', () => {
    expect(readOptions([])).toEqual({ mode: undefined, sidecars: true, remove: false, help: false });
  });

  it('is read', () => {
    expect(readOptions(['--mode', 'none', '--without-sidecars'])).toMatchObject({
      mode: 'none',
      sidecars: false,
    });
    expect(readOptions(['--mode=redirect'])).toMatchObject({ mode: 'redirect' });
    expect(readOptions(['--remove', '-h'])).toMatchObject({ remove: true, help: true });
  });

  it('is refused with every problem', () => {
    expect(() => readOptions(['--mode', 'tproxy', '--fast', 'now'])).toThrow(
      /unknown flag --fast\n"now" is not expected here\n--mode: expected redirect or none, got "tproxy"/,
    );
    expect(() => readOptions(['--mode'])).toThrow('--mode: expected redirect or none, got ""');
  });
});
