import { connect, isIPv6, type Socket } from 'node:net';
import { errorCode } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';

/** Settings that all probes of the application share. */
export interface ProberOptions {
  /** INSTANCE_IP; undefined or empty: localhost. */
  readonly instanceIp: string | undefined;
  /** REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION: localhost in any case. */
  readonly localhostDestination: boolean;
  /** The port of this server, which a probe's Host header names where the application's is meant. */
  readonly statusPort: number;
  /** ISTIO_ENABLE_HTTP2_PROBING: offer h2 by ALPN to HTTPS applications. */
  readonly http2: boolean;
  /** ENABLE_PROBE_KEEPALIVE_CONNECTIONS: keep the connections of HTTP probes. */
  readonly keepAlive: boolean;
}

/** Where the application is reached. */
export interface ProbeTarget {
  /** For URLs and Host: an IP address without brackets, or `localhost`. */
  readonly host: string;
  /** Opens a TCP connection; the caller owns the socket. Rejects when the signal aborts. */
  connect(port: number, signal: AbortSignal): Promise<Socket>;
}

/**
 * The source address of probes: iptables rules let what comes from it pass to the application as it is, outside of the
 * mesh's inbound policy (pilot-agent-1.30.md §4.4).
 */
const SOURCE_V4 = '127.0.0.6';
const SOURCE_V6 = '::6';

/** Decides once where probes go. Where the source address is not to be had (`::6` outside of a pod), they go without it, and the log says so once. */
export function probeTarget(options: ProberOptions, log: Logger): ProbeTarget {
  const host = options.localhostDestination || !options.instanceIp ? 'localhost' : options.instanceIp;
  const addresses = host === 'localhost' ? ['127.0.0.1', '::1'] : [host];
  const withoutSource = new Set<string>();

  async function dial(address: string, port: number, signal: AbortSignal): Promise<Socket> {
    const source = isIPv6(address) ? SOURCE_V6 : SOURCE_V4;
    if (!withoutSource.has(source)) {
      try {
        return await open(address, port, source, signal);
      } catch (error) {
        // EADDRNOTAVAIL: the address is not on this machine. EINVAL: no route leads from it to the destination.
        const code = errorCode(error);
        if (code !== 'EADDRNOTAVAIL' && code !== 'EINVAL') throw error;
        if (!withoutSource.has(source)) {
          withoutSource.add(source);
          log.warn(
            `application probes leave without the source address ${source}, which cannot be bound here`,
          );
        }
      }
    }
    return open(address, port, undefined, signal);
  }

  return {
    host,
    connect: async (port, signal) => {
      let first: unknown;
      for (const address of addresses) {
        try {
          return await dial(address, port, signal);
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          first ??= error;
        }
      }
      throw first;
    },
  };
}

function open(
  host: string,
  port: number,
  localAddress: string | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
    const abort = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort, { once: true });
    socket.once('error', (error) => {
      signal.removeEventListener('abort', abort);
      reject(error);
    });
    socket.once('connect', () => {
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners('error');
      // Whoever gets the socket listens too; an error in between must not end the process.
      socket.on('error', () => {});
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}
