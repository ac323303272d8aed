import { isIP, isIPv4, isIPv6 } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

export interface InterfaceAddress {
  readonly interface: string;
  /** Canonical, see `normalizeIp`. */
  readonly address: string;
}

/**
 * The addresses under which others may reach this machine: of interfaces that are up, in the order of the operating
 * system, without loopback, link-local and unspecified ones.
 */
export function interfaceAddresses(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>> = networkInterfaces(),
): readonly InterfaceAddress[] {
  return Object.entries(interfaces).flatMap(([name, entries = []]) =>
    entries.flatMap((entry) => {
      // Link-local ones are sorted out before they are read: isIPv6 is a pattern that takes V8 milliseconds to compile.
      const outward = !entry.internal && !LINK_LOCAL.test(entry.address);
      const address = outward ? normalizeIp(entry.address) : undefined;
      return address === undefined || isLocalOnly(address) ? [] : [{ interface: name, address }];
    }),
  );
}

/**
 * The one spelling of an address: IPv6 in lower case and compressed (RFC 5952), an IPv4 address mapped into IPv6 as IPv4.
 * Undefined for anything else: host names, brackets, zones, ports.
 */
export function normalizeIp(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const words = [mapped[1], mapped[2]].map((word) => Number.parseInt(word ?? '', 16));
  return words.flatMap((word) => [word >> 8, word & 0xff]).join('.');
}

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port` or `[v6]:port`. Undefined when there is no port from 1 to 65535, or an IPv6 address without brackets. */
export function splitHostPort(text: string): HostPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || host === '' || port < 1 || port > 65_535) return undefined;
  if (bracketed !== undefined && isIP(bracketed) !== 6) return undefined;
  return { host, port };
}

function isLocalOnly(address: string): boolean {
  return isIPv4(address)
    ? address.startsWith('127.') || address.startsWith('169.254.') || address === '0.0.0.0'
    : address === '::1' || address === '::' || LINK_LOCAL.test(address);
}
