import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { EnvironmentError } from '../platform/errors.ts';

/** The Envoy that this agent is built and tested with. */
export const ENVOY_VERSION = '1.40.0';

type Env = Readonly<Record<string, string | undefined>>;

/** Where `npm run envoy` puts Envoy: `$XDG_CACHE_HOME/pilot-agent/envoy-<version>-<arch>/envoy`. */
export function cachedEnvoyPath(env: Env): string {
  const cache = env['XDG_CACHE_HOME'] || join(env['HOME'] || homeOf(), '.cache');
  const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
  return resolve(cache, 'pilot-agent', `envoy-${ENVOY_VERSION}-${arch}`, 'envoy');
}

/** A user without an entry in passwd has none. */
function homeOf(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

/** The first executable `envoy` on PATH, else the cached one, else undefined. Always an absolute path. */
export async function findEnvoy(env: Env): Promise<string | undefined> {
  const onPath = await findOnPath('envoy', env);
  if (onPath !== undefined) return onPath;
  const cached = cachedEnvoyPath(env);
  return (await isExecutable(cached)) ? cached : undefined;
}

/**
 * The Envoy to run: what `--binaryPath` names (looked up on PATH when it has no slash), else what `findEnvoy` finds.
 * @throws EnvironmentError when there is none, with what to do about it
 */
export async function resolveEnvoy(binaryPath: string | undefined, env: Env): Promise<string> {
  if (binaryPath === undefined) {
    const found = await findEnvoy(env);
    if (found !== undefined) return found;
    throw new EnvironmentError(
      'there is no Envoy: not on PATH, and not in the cache; run "npm run envoy" in a checkout of pilot-agent to ' +
        'fetch it, install it on PATH, or pass --binaryPath',
    );
  }
  const path = binaryPath.includes('/') ? resolve(binaryPath) : await findOnPath(binaryPath, env);
  if (path !== undefined && (await isExecutable(path))) return path;
  throw new EnvironmentError(
    `--binaryPath ${binaryPath} is no program that can be run${path === undefined ? ' (it is not on PATH)' : ''}; ` +
      'name another, or leave the flag out to use the Envoy on PATH or the one that "npm run envoy" fetches',
  );
}

async function findOnPath(name: string, env: Env): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const candidate = resolve(folder, name);
    if (folder !== '' && (await isExecutable(candidate))) return candidate;
  }
  return undefined;
}

/** Whether a path is a file that this process may run. */
export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
