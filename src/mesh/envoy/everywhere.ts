/** The addresses of listeners that take whatever is redirected. */
import { isIPv6 } from 'node:net';
import type { ProxyView } from '../view/view.ts';
import { type Address, type Listener, socketAddress } from './api.ts';

/** `dual`: IPv6 beside IPv4, where the listener bears the name of `0.0.0.0`, as in Istio. */
export type Families = 'ipv4' | 'ipv6' | 'dual';

/** By what the workload has, for iptables redirect a connection to the loopback address of its own family. */
export function familiesOf({ workload, localhost }: Pick<ProxyView, 'workload' | 'localhost'>): Families {
  if (localhost === '::1') return 'ipv6';
  return workload.addresses.some((address) => isIPv6(address)) ? 'dual' : 'ipv4';
}

/** Every address of these families, at a port. */
export function everywhere(
  families: Families,
  port: number,
): Pick<Listener, 'address' | 'additional_addresses'> {
  const six: Address = socketAddress('::', port);
  if (families === 'ipv6') return { address: six };
  return {
    address: socketAddress('0.0.0.0', port),
    additional_addresses: families === 'dual' ? [{ address: six }] : undefined,
  };
}
