import { type FSWatcher, watch } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Closable } from './closable.ts';
import { type Millis, millis } from './duration.ts';
import { toError } from './errors.ts';

export interface FolderWatchOptions {
  readonly folder: string;
  /** Told, once for all that happened together, that something in the folder may be another thing now. */
  readonly onChange: () => void;
  /** Told once of each folder that cannot be read or watched. */
  readonly onError: (error: Error) => void;
  /** Time without an event before `onChange`. */
  readonly debounce: Millis;
  /** How often to look without an event. */
  readonly interval?: Millis;
}

export interface FolderWatch extends Closable {
  /** Settles when everything is watched. */
  readonly ready: Promise<void>;
}

const INTERVAL = millis(10_000);
/** A folder that is written to all the time is looked at this often. */
const LONGEST_FACTOR = 10;
const MAX_DEPTH = 16;

/**
 * Watches a folder and those in it: files that come, go, are edited in place or renamed over others. A slow look at names, sizes and
 * times makes up for what the kernel does not tell (symbolic links that lead elsewhere, network file systems, no watches left).
 * Keeps no process alive.
 */
export function watchFolder(options: FolderWatchOptions): FolderWatch {
  const { folder, onChange, onError, debounce, interval = INTERVAL } = options;
  const watchers = new Map<string, FSWatcher>();
  const reported = new Set<string>();
  let seen: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let firstEvent: number | undefined;
  let closed = false;

  const complain = (path: string, thrown: unknown) => {
    if (!reported.has(path) && !closed) onError(toError(thrown));
    reported.add(path);
  };
  const drop = (path: string) => {
    watchers.get(path)?.close();
    watchers.delete(path);
  };
  const onEvent = () => {
    if (closed) return;
    const now = performance.now();
    firstEvent ??= now;
    clearTimeout(timer);
    const wait = Math.min(debounce, firstEvent + debounce * LONGEST_FACTOR - now);
    timer = setTimeout(() => lookLater(true), Math.max(0, wait)).unref();
  };
  const follow = (path: string) => {
    if (watchers.has(path)) return;
    try {
      const watcher = watch(path, { persistent: false }, onEvent);
      watcher.on('error', (error) => {
        drop(path);
        complain(path, error);
      });
      watchers.set(path, watcher);
    } catch (thrown) {
      complain(path, thrown);
    }
  };

  const look = async (told: boolean): Promise<void> => {
    if (closed) return;
    firstEvent = undefined;
    const found: string[] = [];
    const folders = new Set<string>();
    await collect(folder, 0, { follow, folders, found, complain });
    if (closed) return;
    for (const path of watchers.keys()) if (!folders.has(path)) drop(path);
    const now = found.sort().join('\n');
    const changed = seen !== undefined && (told || seen !== now);
    seen = now;
    if (changed) onChange();
  };
  const guardedLook = (told: boolean) => look(told).catch((thrown: unknown) => complain(folder, thrown));
  const ready = guardedLook(false);
  let running = ready;
  const lookLater = (told: boolean) => {
    running = running.then(() => guardedLook(told));
  };
  const poll = setInterval(() => lookLater(false), interval).unref();
  return {
    ready,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      clearInterval(poll);
      for (const path of watchers.keys()) drop(path);
      await running;
    },
  };
}

interface Collection {
  readonly follow: (folder: string) => void;
  readonly folders: Set<string>;
  /** A line for each file, another one for every other file. */
  readonly found: string[];
  readonly complain: (path: string, thrown: unknown) => void;
}

async function collect(folder: string, depth: number, into: Collection): Promise<void> {
  into.folders.add(folder);
  // Watched before it is read, so that no change falls between the two.
  into.follow(folder);
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !entry.name.startsWith('.')) {
        if (depth < MAX_DEPTH) await collect(path, depth + 1, into);
      } else into.found.push(await describe(path));
    }
  } catch (thrown) {
    into.complain(folder, thrown);
  }
}

async function describe(path: string): Promise<string> {
  const info = await stat(path, { bigint: true }).catch(() => undefined);
  if (info === undefined) return `${path} missing`;
  return `${path} ${info.dev}:${info.ino}:${info.size}:${info.mtimeNs}:${info.ctimeNs}`;
}
