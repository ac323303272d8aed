/** `host:port` and IP addresses, by the rules of pilot-agent-1.5.md §1.6. */
import { isIPv4, isIPv6 } from 'node:net';
import { parseGoInt } from './go-values.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const LABEL = /^[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;

/**
 * Parses `host:port`; the host is a DNS name, an IPv4 address or an IPv6 address in brackets.
 * @throws Error saying what is wrong with the text, without the text
 */
export function parseHostPort(text: string): HostPort {
  const bracketed = /^\[([^\]]*)\](.*)$/s.exec(text);
  const colon = text.lastIndexOf(':');
  const host = bracketed?.[1] ?? (colon < 0 ? text : text.slice(0, colon));
  const rest = bracketed === null ? (colon < 0 ? '' : text.slice(colon)) : (bracketed[2] ?? '');
  if (!rest.startsWith(':')) throw new Error('the port is missing: write host:port');
  if (bracketed === null && host.includes(':')) throw new Error('write an IPv6 address as [address]:port');
  const port = parseGoInt(rest.slice(1));
  if (port === undefined) throw new Error(`the port "${rest.slice(1)}" is not a number`);
  if (port < 1 || port > 65535) throw new Error(`the port ${port} is not in the range 1..65535`);
  if (bracketed === null ? !(isIPv4(host) || isHostname(host)) : !isIPv6(host)) {
    throw new Error(`"${host}" is neither a host name nor an IP address`);
  }
  return { host, port };
}

/** DNS-1123 labels, at most 253 characters; a dot at the end is fine, a last label of digits is not. */
export function isHostname(text: string): boolean {
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  return (
    text.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '')
  );
}

/** The one way to write an IP address (`FD00:0::5` -> `fd00::5`, `::ffff:10.0.0.1` -> `10.0.0.1`); undefined if it is none. */
export function normalizeIp(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (!text.includes(':') || text.includes('%') || !isIPv6(text)) return undefined; // isIPv6 is a pattern that takes V8 ms to compile
  const compressed = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(compressed);
  if (mapped === null) return compressed;
  const [high = 0, low = 0] = [mapped[1], mapped[2]].map((part) => Number.parseInt(part ?? '', 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** An address as it stands before `:port`: IPv6 in brackets. */
export function bracketIp(ip: string): string {
  return isIPv6(ip) ? `[${ip}]` : ip;
}
