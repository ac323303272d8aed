import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hostMatches, isExportedTo, matchesPattern } from '../../../src/mesh/view/hosts.ts';
import { service } from '../some-mesh.ts';

it.each([
  ['a.b', 'a.b', true],
  ['a.b', 'b.b', false],
  ['*', 'a.b', true],
  ['*', '*.a.b', true],
  ['*.b', 'a.b', true],
  ['*.b', 'a.c.b', true],
  ['*.b', 'b', false],
  ['*b', 'ab', true],
  ['*.b', 'a.bc', false],
  ['*.a.b', '*.b', true],
  ['*.b', '*.a.b', true],
  ['*.a.b', '*.c.b', false],
  ['a.foo.com', '*.foo.com', true],
  ['foo.com', '*.foo.com', false],
])('pattern %s, service %s: %s', (pattern, hostname, expected) => {
  expect(hostMatches(pattern, hostname)).toBe(expected);
});

it('it is the same which of two is the pattern', () => {
  const name = fc
    .array(fc.constantFrom('*', '*.', 'a', 'b', '.', 'a.b'), { maxLength: 4 })
    .map((parts) => parts.join(''));
  fc.assert(fc.property(name, name, (a, b) => hostMatches(a, b) === hostMatches(b, a)));
});

it.each([
  ['ns/a.b', 'ns', true],
  ['ns/*', 'ns', true],
  ['other/a.b', 'ns', false],
  ['*/a.b', 'ns', true],
  ['./a.b', 'ns', false],
  ['./a.b', 'own', true],
  ['~/*', 'ns', false],
  ['~/*', 'own', false],
])('%s means a.b of namespace %s, seen from namespace own: %s', (text, namespace, expected) => {
  const [of = '', dnsName = ''] = text.split('/');
  const pattern = { text, namespace: of, dnsName, origin: undefined };
  expect(matchesPattern(pattern, service({ hostname: 'a.b', namespace }), 'own')).toBe(expected);
});

it.each([
  [['*'], 'own', true],
  [['.'], 'ns', true],
  [['.'], 'own', false],
  [['own', 'x'], 'own', true],
  [['x'], 'own', false],
  [['~'], 'ns', false],
])('exported to %j by ns, seen from %s: %s', (exportTo, from, expected) => {
  expect(isExportedTo(service({ namespace: 'ns', exportTo }), from)).toBe(expected);
});
