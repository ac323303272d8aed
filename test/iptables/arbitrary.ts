import fc from 'fast-check';

const port = fc.integer({ min: 1, max: 65_535 }).map(String);
const ports = fc.uniqueArray(port, { maxLength: 3 }).map((all) => all.join(','));
const allOrPorts = fc.oneof(fc.constant('*'), ports);
const byte = fc.integer({ min: 0, max: 255 });
const cidr = fc.oneof(
  fc
    .tuple(byte, byte, byte, byte, fc.integer({ min: 0, max: 32 }))
    .map(([a, b, c, d, n]) => `${a}.${b}.${c}.${d}/${n}`),
  fc
    .tuple(
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0, max: 0xffff }),
      fc.integer({ min: 0, max: 128 }),
    )
    .map(([a, b, n]) => `2001:${a.toString(16)}::${b.toString(16)}/${n}`),
);
const cidrs = fc.uniqueArray(cidr, { maxLength: 3 }).map((all) => all.join(','));
const allOrCidrs = fc.oneof(fc.constant('*'), cidrs);
const interfaces = fc
  .uniqueArray(fc.constantFrom('eth1', 'eth2', 'veth+', 'a.b-c_9'), { maxLength: 2 })
  .map((all) => all.join(','));
const ids = fc
  .uniqueArray(fc.constantFrom('1337', '0', '3', '70000'), { minLength: 1, maxLength: 2 })
  .map((all) => all.join(','));

const flag = (name: string, value: fc.Arbitrary<string>) =>
  fc.option(value, { nil: undefined }).map((text) => (text === undefined ? [] : [name, text]));
const toggle = (...words: string[]) => fc.boolean().map((on) => (on ? words : []));

const both = [
  flag('-p', port),
  flag('-z', port),
  flag('-u', ids),
  flag('-g', ids),
  flag('-m', fc.constantFrom('REDIRECT', 'TPROXY')),
  flag('-b', allOrPorts),
  flag('-d', ports),
  flag('-i', allOrCidrs),
  flag('-x', cidrs),
  flag('-o', ports),
  flag('-k', interfaces),
  flag('-t', fc.constantFrom('1337', '0x10', '4294967295')),
  toggle('--dual-stack'),
];
const modern = [
  flag('-e', port),
  flag('-c', interfaces),
  flag('-q', ports),
  toggle('--drop-invalid'),
  toggle('--redirect-dns', '--capture-all-dns'),
];

const words = (parts: readonly fc.Arbitrary<string[]>[]) => fc.tuple(...parts).map((all) => all.flat());

/** Command lines of `istio-iptables` that are right, of both generations. */
export const commandLine: fc.Arbitrary<string[]> = fc.oneof(
  words(both).map((all) => [...all, '--compat', '1.5']),
  words([...both, ...modern]).map((all) => [...all, '--compat', '1.30']),
);
