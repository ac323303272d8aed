import { watch } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeFileAtomic } from './atomic-file.ts';
import type { Closable } from './closable.ts';
import { errorCode, toError } from './errors.ts';

const MAX_FILE_BYTES = 16 * 1024 * 1024;
/** An editor writes in several steps; one copy after the last of them is enough. */
const SETTLE_MS = 50;

/**
 * Brings `to` to the files of `from`: its own files only, no folders in it, no names that begin with a dot, nothing over
 * 16 MiB. Only what differs is written, each file by rename, in the order of their names (`cds.yaml` before `lds.yaml`,
 * so that a listener never comes before its cluster); what `from` no longer has is removed.
 */
export async function copyFolder(from: string, to: string): Promise<void> {
  const wanted = await listFiles(from);
  if ((await mkdir(to, { recursive: true })) !== undefined) await chmod(to, 0o755);
  for (const name of wanted) {
    const data = await readFile(join(from, name)).catch(ifThere);
    if (data === undefined) continue;
    const old = await readFile(join(to, name)).catch(ifThere);
    if (old === undefined || !data.equals(old)) await writeFileAtomic(join(to, name), data, 0o644);
  }
  for (const name of await listFiles(to)) {
    if (!wanted.includes(name)) await rm(join(to, name), { force: true });
  }
}

/**
 * Keeps `to` equal to `from` (`copyFolder`) until it is closed. It is for Envoy, which takes up a changed xDS file only when it was
 * renamed into place, while many editors write in place; and which may run as a user who cannot read `from`.
 * @param onError told when a later copy fails; the next change tries again
 * @throws when the first copy fails
 */
export async function mirrorFolder(
  from: string,
  to: string,
  onError: (error: Error) => void,
): Promise<Closable> {
  const end = new AbortController();
  let changed = false;
  let running: Promise<void> | undefined;
  const follow = async () => {
    while (changed && !end.signal.aborted) {
      changed = false;
      try {
        await delay(SETTLE_MS, undefined, { signal: end.signal });
        await copyFolder(from, to);
      } catch (thrown) {
        if (!end.signal.aborted) onError(toError(thrown));
      }
    }
    running = undefined;
  };
  // Watched before the first copy, so that no edit falls between the two.
  const watcher = watch(from, { signal: end.signal }, () => {
    changed = true;
    running ??= follow();
  });
  watcher.on('error', onError);
  try {
    await copyFolder(from, to);
  } catch (thrown) {
    end.abort();
    throw thrown;
  }
  return {
    close: async () => {
      end.abort();
      await running;
    },
  };
}

/** The names of the files that `copyFolder` copies, sorted. */
export async function listFiles(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const name of (await readdir(folder)).sort()) {
    if (name.startsWith('.')) continue;
    const info = await stat(join(folder, name)).catch(ifThere);
    if (info?.isFile() && info.size <= MAX_FILE_BYTES) names.push(name);
  }
  return names;
}

/** Between listing and reading a file may go away (editors do that); then it is simply not there. */
function ifThere(thrown: unknown): undefined {
  if (errorCode(thrown) !== 'ENOENT') throw thrown;
}
