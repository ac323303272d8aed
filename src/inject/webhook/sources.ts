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
  const read = async (file: SourceFile): Promise<FileText> => {
    const found = await readSource(file);
    if (found.text !== undefined) seen.add(file.path);
    return found.missing && !file.required && !seen.has(file.path) ? { text: undefined } : found;
  };
  return async () => {
    const [mesh, inject, values] = textsOf(
      await Promise.all([read(files.mesh), read(files.inject), read(files.values)]),
    );
    return readSettings({ mesh, inject, values }, compat, nativeSidecars);
  };
}

interface FileText {
  readonly text: string | undefined;
  readonly problem?: string;
  readonly missing?: boolean;
}

async function readSource({ flag, path }: SourceFile): Promise<FileText> {
  try {
    return { text: await readFile(path, 'utf8') };
  } catch (thrown) {
    const problem = `${flag}: cannot be read: ${toError(thrown).message}`;
    return { text: undefined, problem, missing: errorCode(thrown) === 'ENOENT' };
  }
}

/** @throws InputError with the problem of each file that has one */
function textsOf(files: readonly FileText[]): readonly (string | undefined)[] {
  const problems = files.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) throw new InputError(problems);
  return files.map(({ text }) => text);
}

/** @throws InputError that names the flags */
export async function loadKeyPair(files: {
  readonly cert: SourceFile;
  readonly key: SourceFile;
}): Promise<KeyPair> {
  const [cert = '', key = ''] = textsOf(await Promise.all([readSource(files.cert), readSource(files.key)]));
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
