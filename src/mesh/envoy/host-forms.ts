/** By which names a client calls a service in its `Host` header (injection-iptables-sidecar.md D.9). */
import { isIPv6 } from 'node:net';
import type { Service } from '../model/service.ts';

/**
 * The short forms of a Kubernetes Service's name, shortest first: `reviews` (in its own namespace), `reviews.default`,
 * `reviews.default.svc`. A ServiceEntry has none.
 * @param own namespace of the client
 */
export function aliasesOf(
  { source, hostname, name, namespace }: Service,
  own: string,
  domain: string,
): readonly string[] {
  if (source !== 'kubernetes' || hostname !== `${name}.${namespace}.svc.${domain}`) return [];
  const qualified = [`${name}.${namespace}`, `${name}.${namespace}.svc`];
  return namespace === own ? [name, ...qualified] : qualified;
}

/** Every form without a port; the hostname itself is the first one. */
export function hostForms(service: Service, own: string, domain: string): readonly string[] {
  const { hostname, addresses, headless } = service;
  const names = [hostname, ...aliasesOf(service, own, domain)];
  const absolute = hostname.startsWith('*') ? [] : [`${hostname}.`];
  // Of a headless service each endpoint has a name in it.
  const ofEndpoints = headless ? names.map((name) => `*.${name}`) : [];
  const ips = addresses.filter((address) => !address.includes('/')).map(bracketed);
  return [...names, ...absolute, ...ofEndpoints, ...ips];
}

/** An IPv6 address as it stands in a `Host` header. */
function bracketed(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
