import type { Closable } from './closable.ts';
import { type Millis, millis } from './duration.ts';
import { toError } from './errors.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import { placesOf, watchPlaces } from './watch-places.ts';

export interface ContentWatchOptions {
  /** The files to watch, asked for at each look; one that comes new to the list is taken as it is then. */
  readonly files: () => readonly string[];
  /** Told which files are not what they were, once for all that changed together. */
  readonly onChange: (changed: readonly string[]) => void;
  /** Told once of each file that cannot be read and of each folder that cannot be watched. */
  readonly onError: (error: Error) => void;
  /** Time without an event before a look. */
  readonly debounce: Millis;
  /** A file that is written all the time is looked at this often; ten times `debounce` unless given. */
  readonly longest?: Millis;
  /** How often to look without an event, at least a second. */
  readonly interval?: Millis;
}

export interface ContentWatch extends Closable {
  /** Looks now: for when `files` has changed. */
  refresh(): void;
  /** Settles when the first look is over: what changes from then on is seen. */
  readonly ready: Promise<void>;
}

const INTERVAL = millis(5_000);
const SHORTEST_INTERVAL = 1_000;
const LONGEST_FACTOR = 10;

/**
 * Watches files by what is in them: a touched file changes nothing. Seen are edits in place, files renamed into place, deleted
 * and created again, folders that come later, and symbolic links that are turned, as Kubernetes does with `..data`. The folders
 * are watched, not the files, and a slow look makes up for what the kernel does not tell (another folder renamed into place
 * above, a network file system, no watches left). A file that cannot be read counts as unchanged. Keeps no process alive.
 *
 * For what the agent makes Envoy's bootstrap from: the mesh config file, the pod's labels and annotations, the bootstrap override, the
 * custom config file, and the certificate files that the bootstrap names. With `--watchBinary` also for Envoy's binary,
 * whose 100 MB are read once and whenever it was touched; the path may be a symbolic link, as on PATH it often is.
 */
export function watchContents(options: ContentWatchOptions): ContentWatch {
  const { files, onChange, onError, debounce } = options;
  const longest = options.longest ?? debounce * LONGEST_FACTOR;
  const known = new Map<string, Fingerprint>();
  const unreadable = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let firstEvent: number | undefined;
  let closed = false;

  const onEvent = () => {
    if (closed) return;
    const now = performance.now();
    firstEvent ??= now;
    clearTimeout(timer);
    timer = setTimeout(lookLater, Math.max(0, Math.min(debounce, firstEvent + longest - now))).unref();
  };
  const watches = watchPlaces(onEvent, onError);

  const look = async (): Promise<void> => {
    if (closed) return;
    clearTimeout(timer);
    firstEvent = undefined;
    const paths = [...new Set(files())];
    const places = await Promise.all(paths.map(placesOf));
    // Watched before they are read, so that no change falls between the two.
    await watches.follow(places.flat());
    const changed: string[] = [];
    for (const path of paths) if (await isChanged(path)) changed.push(path);
    for (const path of known.keys()) if (!paths.includes(path)) known.delete(path);
    if (changed.length > 0 && !closed) onChange(changed);
  };

  const isChanged = async (path: string): Promise<boolean> => {
    const before = known.get(path);
    const now = await fingerprint(path, before);
    if (now.kind === 'unreadable') {
      if (before === undefined) known.set(path, now);
      if (!unreadable.has(path)) onError(now.error);
      unreadable.add(path);
      return false;
    }
    known.set(path, now);
    return before !== undefined && (before.kind === 'unreadable' || before.value !== now.value);
  };

  const guardedLook = () => look().catch((thrown: unknown) => onError(toError(thrown)));
  const ready = guardedLook();
  let running = ready;
  const lookLater = () => {
    running = running.then(guardedLook);
  };
  const interval = Math.max(SHORTEST_INTERVAL, options.interval ?? INTERVAL);
  const poll = setInterval(lookLater, interval).unref();
  return {
    ready,
    refresh: lookLater,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      clearInterval(poll);
      await watches.close();
      await running;
    },
  };
}
