import { type FSWatcher, watch } from 'node:fs';
import { lstat, readlink, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import type { Closable } from './closable.ts';
import { toError } from './errors.ts';

/** An entry of a folder: what a path means can change when this does. */
export interface Place {
  readonly folder: string;
  readonly name: string;
}

const MAX_LINKS = 40; // as in Linux, path_resolution(7)

/**
 * Every place on the way to a file: each symbolic link, and the file itself; where the way ends too soon, the first thing that is
 * missing. All folders exist.
 */
export async function placesOf(path: string): Promise<readonly Place[]> {
  const places: Place[] = [];
  const rest = resolve(path)
    .split('/')
    .filter((part) => part !== '');
  let at = '/';
  for (let links = 0; links <= MAX_LINKS; ) {
    const name = rest.shift();
    if (name === undefined) break;
    const next = join(at, name);
    const info = await lstat(next).catch(() => undefined);
    if (info?.isSymbolicLink() === true) {
      links += 1;
      places.push({ folder: at, name });
      const target = await readlink(next).catch(() => undefined);
      if (target === undefined) break;
      rest.unshift(...target.split('/').filter((part) => part !== '' && part !== '.'));
      if (isAbsolute(target)) at = '/';
    } else if (info?.isDirectory() === true && rest.length > 0) {
      at = next;
    } else {
      places.push({ folder: at, name });
      break;
    }
    // Textually, which is right here: there is no symbolic link in `at`.
    while (rest[0] === '..') {
      rest.shift();
      at = dirname(at);
    }
  }
  return places;
}

export interface PlaceWatches extends Closable {
  /** Watches these places and no others. A folder that was replaced by another of the same name is watched anew. */
  follow(places: readonly Place[]): Promise<void>;
}

interface Watched {
  readonly watcher: FSWatcher;
  /** Which folder it is, whatever its name. */
  readonly identity: string;
  names: ReadonlySet<string>;
}

/**
 * Calls `onEvent` when something happens to a place. A folder that cannot be watched (no permission, no watches left) is
 * reported once and not watched.
 */
export function watchPlaces(onEvent: () => void, onError: (error: Error) => void): PlaceWatches {
  const open = new Map<string, Watched>();
  const reported = new Set<string>();
  let closed = false;
  const drop = (folder: string) => {
    open.get(folder)?.watcher.close();
    open.delete(folder);
  };
  const failed = (folder: string) => (thrown: unknown) => {
    drop(folder);
    if (!reported.has(folder)) onError(toError(thrown));
    reported.add(folder);
  };
  const begin = (folder: string, identity: string, names: ReadonlySet<string>) => {
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        // What happens to the folder itself is reported under its own name.
        const wanted = open.get(folder)?.names;
        if (name === null || wanted?.has(name) === true || name === basename(folder)) onEvent();
      });
      watcher.on('error', failed(folder));
      open.set(folder, { watcher, identity, names });
    } catch (thrown) {
      failed(folder)(thrown);
    }
  };
  return {
    follow: async (places) => {
      const wanted = new Map<string, Set<string>>();
      for (const { folder, name } of places) {
        wanted.set(folder, (wanted.get(folder) ?? new Set()).add(name));
      }
      for (const folder of open.keys()) if (!wanted.has(folder)) drop(folder);
      for (const [folder, names] of wanted) {
        const identity = await identityOf(folder);
        if (closed) return;
        const watched = open.get(folder);
        if (watched !== undefined && watched.identity === identity) {
          watched.names = names;
        } else {
          drop(folder);
          if (identity !== undefined) begin(folder, identity, names);
        }
      }
    },
    close: async () => {
      closed = true;
      for (const folder of open.keys()) drop(folder);
    },
  };
}

async function identityOf(folder: string): Promise<string | undefined> {
  const info = await stat(folder, { bigint: true }).catch(() => undefined);
  return info === undefined ? undefined : `${info.dev}:${info.ino}`;
}
