import type { HttpProber } from '../../config/app-probers.ts';

/** Name and value pairs as they came, duplicates and spelling kept. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** RFC 9110 §7.6.1, and what describes a body: a probe has none. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'content-length',
  'content-encoding',
  'expect',
  // Set apart: the rule of `probeHost`.
  'host',
  // Ours to say, since we read the body: it is shown to a person and must be plain.
  'accept-encoding',
]);

export function toHeaderList(rawHeaders: readonly string[]): HeaderList {
  return Array.from({ length: rawHeaders.length / 2 }, (_, i) => [
    rawHeaders[2 * i] ?? '',
    rawHeaders[2 * i + 1] ?? '',
  ]);
}

/** What of a probe's headers goes on to the application: all that are not for this connection only. */
export function forwardedHeaders(incoming: HeaderList): HeaderList {
  const named = incoming
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((token) => token.trim().toLowerCase()));
  const dropped = new Set([...NOT_FORWARDED, ...named]);
  return incoming.filter(([name]) => !dropped.has(name.toLowerCase()));
}

/**
 * The Host that the application sees: a `Host` written into the probe wins; else the incoming one, with the application's
 * port where it names this server's (pilot-agent-1.30.md §4.4); without any, the destination.
 */
export function probeHost(
  prober: HttpProber,
  incomingHost: string | undefined,
  statusPort: number,
  destination: string,
): string {
  if (prober.hostHeader !== undefined) return prober.hostHeader;
  if (incomingHost === undefined || incomingHost === '') return destination;
  const [, name, port] = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(incomingHost) ?? [];
  return name !== undefined && Number(port) === statusPort ? `${name}:${prober.port}` : incomingHost;
}
