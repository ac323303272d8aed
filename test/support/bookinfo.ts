import { fileURLToPath } from 'node:url';
import { type Child, startChild } from './child.ts';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../../examples/bookinfo/services/main.mjs', import.meta.url));

export interface Service {
  readonly url: string;
  /** `127.0.0.1:PORT` */
  readonly address: string;
  readonly child: Child;
}

/** Starts a service of the example on loopback, at a port that is free. It ends with the test. */
export async function startService(
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Service> {
  const child = startChild([process.execPath, MAIN, name], { env: { PORT: '0', HOST: '127.0.0.1', ...env } });
  const address = await until(`${name} listens`, () => {
    return / listens on http:\/\/(\S+)/.exec(child.output())?.[1];
  });
  return { url: `http://${address}`, address, child };
}

/** Starts a service that is not expected to come up. */
export function startBadService(args: readonly string[], env: Readonly<Record<string, string>> = {}): Child {
  return startChild([process.execPath, MAIN, ...args], { env });
}
