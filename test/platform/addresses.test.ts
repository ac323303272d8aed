import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interfaceAddresses, normalizeIp, splitHostPort } from '../../src/platform/addresses.ts';

const entry = (address: string, internal = false) => ({
  address,
  internal,
  family: address.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
  netmask: '',
  mac: '',
  cidr: null,
  scopeid: 0,
});

describe('the addresses of the interfaces', () => {
  it('are those that others can reach, in order, with the interface they belong to', () => {
    const found = interfaceAddresses({
      lo: [entry('127.0.0.1', true), entry('::1', true)],
      eth0: [entry('10.77.0.9'), entry('FD00:77:0::9'), entry('fe80::42')],
      eth1: [entry('169.254.7.7'), entry('0.0.0.0'), entry('8.8.8.8')],
      none: undefined,
    });
    expect(found).toEqual([
      { interface: 'eth0', address: '10.77.0.9' },
      { interface: 'eth0', address: 'fd00:77::9' },
      { interface: 'eth1', address: '8.8.8.8' },
    ]);
  });
  it('of this machine are canonical', () => {
    for (const { address } of interfaceAddresses()) expect(normalizeIp(address)).toBe(address);
  });
});

describe('an address has one spelling', () => {
  it.each([
    ['10.9.8.7', '10.9.8.7'],
    ['fd00:0:0:0:0:0:0:5', 'fd00::5'],
    ['FD00::00A5', 'fd00::a5'],
    ['::', '::'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['::FFFF:0a01:0203', '10.1.2.3'],
  ])('%s -> %s', (text, expected) => {
    expect(normalizeIp(text)).toBe(expected);
  });
  it.each(['nope', '', '[::1]', 'fe80::1%eth0', '10.0.0.1:80', '010.0.0.1', '1.2.3', ' ::1', '::1/64'])(
    '%j is none',
    (text) => {
      expect(normalizeIp(text)).toBeUndefined();
    },
  );
  it('which is that of the C library', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = normalizeIp(text);
        if (canonical?.includes(':')) {
          const address = new SocketAddress({ address: text, family: 'ipv6' }).address;
          // inet_ntop writes the last 32 bits of some addresses as IPv4; RFC 5952 leaves that open.
          if (!address.includes('.')) expect(canonical).toBe(address);
        }
        expect(normalizeIp(canonical ?? '')).toBe(canonical);
      }),
    );
  });
});

describe('host and port', () => {
  it.each([
    ['istio-pilot:15010', 'istio-pilot', 15_010],
    ['10.0.0.100:9090', '10.0.0.100', 9_090],
    ['[2001:db8::100]:80', '2001:db8::100', 80],
  ])('%s', (text, host, port) => {
    expect(splitHostPort(text)).toEqual({ host, port });
  });
  it.each([
    'fake',
    'fake:',
    ':80',
    '127.0.0.1',
    '2001:db8::100:80',
    '[2001:db8::100]',
    '[name]:80',
    '[2001:db8::10::20]:80',
    'h:0',
    'h:65536',
    'h:port',
  ])('%j is not', (text) => {
    expect(splitHostPort(text)).toBeUndefined();
  });
});
