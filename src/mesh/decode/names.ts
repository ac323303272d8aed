/** Names by the rules of DNS (RFC 1123), as Istio applies them: letters of either case. */
import { normalizeIp } from '../../platform/addresses.ts';

const LABEL = /^[a-zA-Z0-9](?:[-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?$/;
const MAX_NAME = 255;

export function isLabel(text: string): boolean {
  return LABEL.test(text);
}

/** What is wrong with a host name; undefined when nothing is. A dot at the end is fine. */
export function hostnameProblem(text: string): string | undefined {
  if (text === '') return 'the name is empty';
  if (text.length > MAX_NAME) return `a name has at most ${MAX_NAME} characters, this one ${text.length}`;
  const labels = (text.endsWith('.') ? text.slice(0, -1) : text).split('.');
  const wrong = labels.find((label) => !isLabel(label));
  if (wrong !== undefined) {
    return `"${wrong}" between dots: write 1 to 63 letters, digits and inner dashes`;
  }
  return /^\d+$/.test(labels.at(-1) ?? '') ? 'the last part of a name cannot be a number' : undefined;
}

/** As `hostnameProblem`, for a name whose first part may be `*` or begin with it (`*.foo.com`, `*-a.foo.com`). */
export function wildcardProblem(text: string): string | undefined {
  if (text.length > MAX_NAME) return hostnameProblem(text);
  if (text === '*') return undefined;
  return hostnameProblem(text.startsWith('*.') ? `any${text.slice(1)}` : text.replace(/^\*-?/, ''));
}

/** An IP address in its one spelling, or undefined. */
export function asIp(text: string): string | undefined {
  return normalizeIp(text);
}

/** An IP address or CIDR range in its one spelling; a range of one address is that address. */
export function asIpOrRange(text: string): string | undefined {
  const [address = '', bits, ...more] = text.split('/');
  const ip = normalizeIp(address);
  if (ip === undefined || more.length > 0) return undefined;
  if (bits === undefined) return ip;
  const most = ip.includes(':') ? 128 : 32;
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) return undefined;
  return Number(bits) === most ? ip : `${ip}/${Number(bits)}`;
}

/** What is wrong with the rest of `unix://...`; undefined when nothing is. */
export function unixPathProblem(path: string): string | undefined {
  if (path === '') return 'the path of the socket is missing: write unix:///path/to/socket or unix://@name';
  if (path.startsWith('@')) return path === '@' ? 'the name of the socket is missing after "@"' : undefined;
  if (path.startsWith('/') && !path.endsWith('/')) return undefined;
  return 'expected the absolute path of a file: write unix:///path/to/socket';
}

export const UNIX = 'unix://';
