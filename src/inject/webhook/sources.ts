/** The files that the webhook lives on, read again when they change. What cannot be used leaves what was before in force. */
import { readFile } from 'node:fs/promises';
import type { Closable } from '../../platform/closable.ts';
import { watchContents } from '../../platform/content-watch.ts';
import { millis } from '../../platform/duration.ts';
import { errorCode, InputError, toError } from '../../platform/errors.ts';
import { type InjectionSettings, readSettings } from '../settings.ts';
import type { Compat } from '../values.ts';
import type { KeyPair } from './server.ts';

/** A file, and whether it has to be there. */
export interface SourceFile {
  readonly flag: string;
  readonly path: string;
  readonly required: boolean;
}

export interface SettingsFiles {
  readonly mesh: SourceFile;
  readonly inject: SourceFile;
  readonly values: SourceFile;
}

const DEBOUNCE = millis(100);

/**
 * Reads the settings, at each call anew. A file that need not be there, but has been, has to be there from then on: while a mounted
 * folder is replaced it may be missing for a moment, and that is no wish for the defaults.
 */
export function settingsLoader(
  files: SettingsFiles,
  compat: Compat,
  nativeSidecars: boolean | undefined,
): () => Promise<InjectionSettings> {
  const seen = new Set<string>();
  return async () => {
    const problems: string[] = [];
    const read = async ({ flag, path, required }: SourceFile): Promise<string | undefined> => {
      try {
        const text = await readFile(path, 'utf8');
        seen.add(path);
        return text;
      } catch (thrown) {
        const missing = errorCode(thrown) === 'ENOENT';
        if (required || !missing || seen.has(path)) {
          problems.push(`${flag}: cannot be read: ${toError(thrown).message}`);
        }
        return undefined;
      }
    };
    const [mesh, inject, values] = await Promise.all([
      read(files.mesh),
      read(files.inject),
      read(files.values),
    ]);
    // InputError with every problem of every file.
    if (problems.length > 0) throw new InputError(problems);
    return readSettings({ mesh, inject, values }, compat, nativeSidecars);
  };
}

/** @throws InputError that names the flags */
export async function loadKeyPair(files: {
  readonly cert: SourceFile;
  readonly key: SourceFile;
}): Promise<KeyPair> {
  const problems: string[] = [];
  const read = ({ flag, path }: SourceFile) =>
    readFile(path, 'utf8').catch((thrown: unknown) => {
      problems.push(`${flag}: cannot be read: ${toError(thrown).message}`);
      return '';
    });
  const [cert, key] = await Promise.all([read(files.cert), read(files.key)]);
  if (problems.length > 0) throw new InputError(problems);
  return { cert, key };
}

export interface ReloadOptions<T> {
  readonly files: readonly string[];
  readonly load: () => Promise<T>;
  /** May throw: then what was before stays in force. */
  readonly use: (value: T) => void;
  readonly onSuccess: () => void;
  readonly onFailure: (error: Error) => void;
}

export interface Reload extends Closable {
  /** Settles when no later change is missed. */
  readonly ready: Promise<void>;
}

/** Loads again whenever a file is another one than before: edited, replaced, or behind a symbolic link that was turned. */
export function reloadOnChange<T>({ files, load, use, onSuccess, onFailure }: ReloadOptions<T>): Reload {
  let running = Promise.resolve();
  const reload = (done: () => void) => {
    running = running
      .then(load)
      .then(use)
      .then(done, (thrown: unknown) => onFailure(toError(thrown)));
    return running;
  };
  const watch = watchContents({
    files: () => files,
    onChange: () => void reload(onSuccess),
    onError: onFailure,
    debounce: DEBOUNCE,
  });
  return {
    // Once more, for a change between the first load and the first look.
    ready: watch.ready.then(() => reload(() => {})),
    close: async () => {
      await watch.close();
      await running;
    },
  };
}
