import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { splitHostPort } from '../platform/addresses.ts';
import { type Millis, millis } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';

export type StatsdAddress =
  | { readonly kind: 'resolved'; readonly address: string }
  | { readonly kind: 'failed'; readonly warning: string };

type Lookup = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

const DEADLINE = millis(15_000);

/** Loaded when there is a name to look up: few meshes have one, and Envoy waits for what is loaded before it. */
const systemLookup: Lookup = async (host) => (await import('node:dns/promises')).lookup(host, { all: true });

/**
 * Envoy sends statsd packets to an address, so a name is resolved once, at start: the first IPv4 address, else the last IPv6
 * one (reference/pilot-agent-1.5.md §1.6). Without an answer statsd is off, and the agent goes on.
 */
export async function resolveStatsd(
  text: string,
  lookup: Lookup = systemLookup,
  deadline: Millis = DEADLINE,
): Promise<StatsdAddress> {
  const address = splitHostPort(text);
  const failed = (why: string): StatsdAddress => ({
    kind: 'failed',
    warning: `statsdUdpAddress ${text}: ${why}; statistics are not sent to statsd`,
  });
  if (address === undefined) return failed('not host:port');
  if (isIP(address.host) !== 0) return { kind: 'resolved', address: text };
  const controller = new AbortController();
  try {
    const late = delay(deadline, undefined, { signal: controller.signal }).then(() => {
      throw new Error(`no answer within ${deadline / 1_000} s`);
    });
    const found = await Promise.race([lookup(address.host), late]);
    const best = found.find(({ family }) => family === 4) ?? found.at(-1);
    if (best === undefined) return failed('the name has no address');
    const host = best.family === 6 ? `[${best.address}]` : best.address;
    return { kind: 'resolved', address: `${host}:${address.port}` };
  } catch (error) {
    return failed(`cannot resolve ${address.host} (${toError(error).message})`);
  } finally {
    controller.abort();
  }
}
