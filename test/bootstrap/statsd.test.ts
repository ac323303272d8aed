import { describe, expect, it } from 'vitest';
import { resolveStatsd } from '../../src/bootstrap/statsd.ts';
import { millis } from '../../src/platform/duration.ts';

const answers =
  (...addresses: readonly string[]) =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

describe('the address of statsd', () => {
  it.each([
    ['an address', '127.0.0.1:9080', answers(), '127.0.0.1:9080'],
    ['an IPv6 address', '[::1]:9080', answers(), '[::1]:9080'],
    [
      'the first IPv4 address of a name',
      'statsd:9125',
      answers('::1', '10.0.0.1', '10.0.0.2'),
      '10.0.0.1:9125',
    ],
    ['the last IPv6 address otherwise', 'statsd:9125', answers('fd00::1', 'fd00::2'), '[fd00::2]:9125'],
  ])('%s', async (_name, text, lookup, address) => {
    expect(await resolveStatsd(text, lookup)).toEqual({ kind: 'resolved', address });
  });
  it('of this machine', async () => {
    expect(await resolveStatsd('localhost:9125')).toMatchObject({ kind: 'resolved' });
  });
  it.each([
    ['no port', 'statsd', answers('10.0.0.1'), 'not host:port'],
    ['no address', 'statsd:1', answers(), 'no address'],
    ['an error', 'statsd:1', () => Promise.reject(new Error('ENOTFOUND')), 'ENOTFOUND'],
    ['no answer', 'statsd:1', () => new Promise<never>(() => {}), 'no answer within 0.02 s'],
  ])('is off with %s, and says why', async (_name, text, lookup, why) => {
    expect(await resolveStatsd(text, lookup, millis(20))).toEqual({
      kind: 'failed',
      warning: expect.stringMatching(new RegExp(`^statsdUdpAddress ${text}: .*${why}`)),
    });
  });
});
