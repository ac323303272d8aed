import { type AddressInfo, createServer } from 'node:net';
import { EnvironmentError, errorCode, toError } from './errors.ts';

export interface WantedPort {
  /** Undefined: every address of both families. */
  readonly host: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  /** Where the port comes from, for the error message: `--proxyAdminPort`. */
  readonly setting: string;
}

/**
 * Makes sure that a port that somebody else is going to bind, Envoy, is free: its own message names no flag.
 * @returns the port
 * @throws EnvironmentError naming port and setting
 */
export function requireFreePort(wanted: WantedPort): Promise<number> {
  const { host, port } = wanted;
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => reject(bindError(error, wanted)));
    server.listen(host === undefined ? { port } : { host, port }, () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}

/** A port of this address that nobody has now. */
export function freePortOf(host: string): Promise<number> {
  return requireFreePort({ host, port: 0, setting: 'any port' });
}

/** Says of a port that cannot be bound which it is, where it comes from, why, and what to do. */
export function bindError(cause: unknown, { host, port, setting }: WantedPort): EnvironmentError {
  const address = host === undefined ? `port ${port}` : `${host}:${port}`;
  const code = errorCode(cause);
  const why =
    code === 'EADDRINUSE'
      ? 'it is already in use'
      : code === 'EACCES'
        ? 'this user may not bind it'
        : toError(cause).message;
  return new EnvironmentError(
    `cannot listen on ${address} (${setting}): ${why}; free the port or set ${setting} to another`,
    { cause },
  );
}
