import type { AllOr, Cidr, Family, Interception } from './options.ts';

/** What differs between the two families. */
export interface FamilyFacts {
  readonly loopback: string;
  /** The address that Envoy calls its own application from, so that these connections are told from all others. */
  readonly passthrough: string;
}

export function factsOf(family: Family, loopback = '127.0.0.1/32'): FamilyFacts {
  return family === 'ipv4'
    ? { loopback, passthrough: '127.0.0.6/32' }
    : { loopback: '::1/128', passthrough: '::6/128' };
}

/** The addresses of one family; `*` is `*` in both. */
export function ofFamily(cidrs: AllOr<Cidr>, family: Family): AllOr<string> {
  if (cidrs === '*') return '*';
  return cidrs.filter((cidr) => cidr.family === family).map(({ text }) => text);
}

/** `uid` 1337, `gid` 1337: whose traffic is Envoy's own, users first. */
export function proxyOwners({
  uids,
  gids,
}: Interception): readonly { readonly flag: 'uid' | 'gid'; readonly id: string }[] {
  return [
    ...uids.map((id) => ({ flag: 'uid', id }) as const),
    ...gids.map((id) => ({ flag: 'gid', id }) as const),
  ];
}
