/** A network for Bookinfo as data: a namespace for each pod, and one with a bridge that joins them and this machine. */

export type Argv = readonly [string, ...string[]];

/** Something that is made, and how it is taken away again. */
export interface Step {
  readonly make: Argv;
  readonly undo?: Argv;
}

export interface Attached {
  readonly namespace: string;
  readonly address: string;
}

export interface Network {
  /** Of the bridge, and the interface on this machine. */
  readonly name: string;
  readonly subnet: Subnet;
  readonly steps: readonly Step[];
}

export interface Subnet {
  readonly cidr: string;
  /** This machine's address in it. */
  readonly host: string;
  /** The bridge's, for what belongs to no pod. */
  readonly bridge: string;
}

const PREFIX_LENGTH = 24;

/**
 * A veth pair for each pod, from `eth0` in its namespace to the bridge in the namespace `name`, and one from this machine. Pods have
 * a default route, for without one the kernel refuses the address of a service before a rule can redirect it; this machine
 * forwards nothing of it.
 */
export function planNetwork(name: string, pods: readonly Attached[]): Network {
  const subnet = subnetOf(pods.map(({ address }) => address));
  const inside = (namespace: string, ...args: string[]): Step => ({ make: ['ip', '-n', namespace, ...args] });
  const namespace = (each: string): readonly Step[] => [
    { make: ['ip', 'netns', 'add', each], undo: ['ip', 'netns', 'del', each] },
    inside(each, 'link', 'set', 'lo', 'up'),
  ];
  return {
    name,
    subnet,
    steps: [
      ...namespace(name),
      inside(name, 'link', 'add', 'bridge', 'type', 'bridge'),
      inside(name, 'link', 'set', 'bridge', 'up'),
      inside(name, 'address', 'add', `${subnet.bridge}/${PREFIX_LENGTH}`, 'dev', 'bridge'),
      {
        make: ['ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'machine', 'netns', name],
        undo: ['ip', 'link', 'del', name],
      },
      inside(name, 'link', 'set', 'machine', 'master', 'bridge', 'up'),
      { make: ['ip', 'address', 'add', `${subnet.host}/${PREFIX_LENGTH}`, 'dev', name] },
      { make: ['ip', 'link', 'set', name, 'up'] },
      ...pods.flatMap(({ namespace: own, address }, index) => [
        ...namespace(own),
        inside(name, 'link', 'add', `pod${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', own),
        inside(name, 'link', 'set', `pod${index}`, 'master', 'bridge', 'up'),
        inside(own, 'address', 'add', `${address}/${PREFIX_LENGTH}`, 'dev', 'eth0'),
        inside(own, 'link', 'set', 'eth0', 'up'),
        inside(own, 'route', 'add', 'default', 'via', subnet.host),
      ]),
    ],
  };
}

/**
 * The /24 that all addresses are in. Its first one is this machine's, its second one the bridge's.
 * @throws Error when they are not in one, are no IPv4 addresses, are there twice, or are one of those two
 */
export function subnetOf(addresses: readonly string[]): Subnet {
  const [first = ''] = addresses;
  const base = first.split('.').slice(0, 3).join('.');
  const [host, bridge] = [`${base}.1`, `${base}.2`];
  const problems = addresses.flatMap((address, index) => {
    if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return `"${address}" is no IPv4 address`;
    if (!address.startsWith(`${base}.`))
      return `${address} is not in ${base}.0/${PREFIX_LENGTH}, as ${first} is`;
    if (address === host) return `${address} is for this machine`;
    if (address === bridge) return `${address} is for the bridge`;
    if (addresses.indexOf(address) !== index) return `${address} is there twice`;
    return [];
  });
  if (problems.length > 0) throw new Error(`addresses of pods: ${problems.join('; ')}`);
  return { cidr: `${base}.0/${PREFIX_LENGTH}`, host, bridge };
}

/**
 * The route of this machine that a network would be in the way of, undefined when there is none.
 * @param routes destinations as `ip -j route` prints them: `default`, `10.0.0.0/8`, `10.1.2.3`
 */
export function conflictingRoute(cidr: string, routes: readonly string[]): string | undefined {
  const wanted = range(cidr);
  return routes.find((route) => {
    if (route === 'default') return false;
    const { from, to } = range(route);
    return from <= wanted.to && wanted.from <= to;
  });
}

function range(cidr: string): { readonly from: number; readonly to: number } {
  const [address = '', length = '32'] = cidr.split('/');
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  const from = number - (number % size);
  return { from, to: from + size - 1 };
}
