import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The Envoy that this agent is built and tested with. */
export const ENVOY_VERSION = '1.40.0';

type Env = Readonly<Record<string, string | undefined>>;

/** Where `npm run envoy` puts Envoy: `$XDG_CACHE_HOME/pilot-agent/envoy-<version>-<arch>/envoy`. */
export function cachedEnvoyPath(env: Env): string {
  const cache = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return join(cache, 'pilot-agent', `envoy-${ENVOY_VERSION}-${arch}`, 'envoy');
}

/** The first executable `envoy` on PATH, else the cached one, else undefined. */
export async function findEnvoy(env: Env): Promise<string | undefined> {
  const onPath = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const candidate of [...onPath.map((folder) => join(folder, 'envoy')), cachedEnvoyPath(env)]) {
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
