import type { IncomingMessage } from 'node:http';
import { isIPv4 } from 'node:net';

/** What of a request decides whether it comes from a tool on this machine. */
export interface Origin {
  readonly peer: string | undefined;
  readonly headers: IncomingMessage['headers'];
}

export const originOf = (request: IncomingMessage): Origin => ({
  peer: request.socket.remoteAddress,
  headers: request.headers,
});

/**
 * Whether a request may change the sidecar: it comes over loopback, and not through a browser. A web page can make a browser on
 * this machine POST to localhost: such a request carries `Origin` or `Sec-Fetch-Site`, and after DNS rebinding a Host that is not this machine's.
 * curl, kubelet's exec, `pilot-agent request` and Node's fetch send neither.
 */
export function isLocalTool({ peer, headers }: Origin): boolean {
  if (!isLoopback(peer)) return false;
  if (headers.origin !== undefined || headers['sec-fetch-site'] !== undefined) return false;
  return headers.host === undefined || headers.host === '' || isLocalHost(headers.host);
}

/**
 * Whether a request may read what the sidecar does: as `isLocalTool`, and a browser on this machine that was given the address
 * itself, or is on a page of this server. What another page asks for, by a link too, is refused.
 */
export function isLocalReader({ peer, headers }: Origin): boolean {
  const { origin, 'sec-fetch-site': site, ...others } = headers;
  if (origin !== undefined && origin !== `http://${headers.host}`) return false;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  return isLocalTool({ peer, headers: others });
}

/** 127.0.0.0/8, ::1, and the first as IPv4-mapped IPv6. */
export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'));
}

function isLocalHost(host: string): boolean {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
  if (bracketed !== undefined) return isLoopback(bracketed);
  return plain !== undefined && (plain.toLowerCase() === 'localhost' || (isIPv4(plain) && isLoopback(plain)));
}
