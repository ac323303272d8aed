import { type FSWatcher, watch } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Closable } from '../platform/closable.ts';
import { InputError, toError } from '../platform/errors.ts';
import type { LocalFiles } from './dynamic-resources.ts';

const EXTENSIONS = ['yaml', 'yml', 'json'];
const SETTLE_MS = 100;
const NUDGE = '.envoy-reload';

/**
 * Which files of the folder hold listeners and clusters: `lds.` and `cds.` with `yaml`, `yml` or `json`.
 * @throws InputError naming the flag and what is missing
 */
export async function findLocalFiles(folder: string): Promise<LocalFiles> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new InputError([
      `--localConfig ${folder}: cannot be read (${toError(error).message}); name a folder with lds.yaml and cds.yaml`,
    ]);
  });
  const find = (stem: string) =>
    EXTENSIONS.map((ending) => `${stem}.${ending}`).find((name) => names.includes(name));
  const [lds, cds] = [find('lds'), find('cds')];
  if (lds !== undefined && cds !== undefined) return { lds, cds };
  const missing = [...(lds === undefined ? ['lds'] : []), ...(cds === undefined ? ['cds'] : [])];
  throw new InputError(
    missing.map(
      (stem) => `--localConfig ${folder}: there is no ${stem}.yaml or ${stem}.json; Envoy needs both`,
    ),
  );
}

export interface WatchLocalFilesOptions {
  readonly folder: string;
  readonly files: LocalFiles;
  readonly onError: (error: Error) => void;
}

/**
 * Makes Envoy see a file that is edited in place, which it does not by itself: a rename inside the folder makes it read both
 * files again, so this renames a hidden file of its own there. Where the folder cannot be written, Envoy still sees files
 * that are renamed into place.
 */
export function watchLocalFiles({ folder, files, onError }: WatchLocalFilesOptions): Closable {
  const names = [basename(files.lds), basename(files.cds)];
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(folder, { persistent: false }, (event, name) => {
      if (event !== 'change' || name === null || !names.includes(name)) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        running = running
          .then(() => nudge(folder))
          .catch((thrown: unknown) => onError(unseen(folder, thrown)));
      }, SETTLE_MS).unref();
    }).on('error', onError);
  } catch (error) {
    onError(toError(error));
  }
  return {
    close: async () => {
      watcher?.close();
      clearTimeout(timer);
      await running;
    },
  };
}

function unseen(folder: string, thrown: unknown): Error {
  const why = toError(thrown).message;
  return new Error(
    `a file of ${folder} was edited in place, and Envoy could not be made to see it: ${why}; rename files into place, ` +
      `or let user ${process.getuid?.()} write in that folder`,
    { cause: thrown },
  );
}

async function nudge(folder: string): Promise<void> {
  const path = join(folder, NUDGE);
  const from = `${path}.tmp`;
  try {
    await writeFile(from, '');
    await rename(from, path);
  } finally {
    await Promise.all([rm(from, { force: true }), rm(path, { force: true })]);
  }
}
