import { accessSync, constants, statSync } from 'node:fs';
import type { Closable } from '../platform/closable.ts';
import { type ContentWatch, watchContents } from '../platform/content-watch.ts';
import { millis } from '../platform/duration.ts';
import { errorCode } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { EditionStore } from './edition-store.ts';
import { inputFiles } from './editions.ts';
import type { Triggers } from './triggers.ts';

/** An editor saves in several steps, and a ConfigMap's files come one after the other: they are one change. */
const DEBOUNCE = millis(300);

export interface InputWatch extends Closable {
  /** The files may be others now: a new edition names other certificates. */
  refresh(): void;
}

/**
 * Asks for a hot restart when what Envoy was started with is no longer what the inputs say: mesh configuration, the pod's files,
 * override, custom bootstrap, certificates, and with `--watchBinary` Envoy itself.
 */
export function watchInputs(
  options: {
    readonly binary: string | undefined;
    readonly editions: EditionStore;
    readonly triggers: Triggers;
    /** Input files that were there before root was given up. */
    readonly seen: readonly string[];
  },
  log: Logger,
): InputWatch {
  const { binary, editions, triggers, seen } = options;
  const onError = (error: Error) => log.warn(error.message);
  const blind = seen.filter((file) => !mayRead(file));
  if (blind.length > 0) {
    log.warn(
      `user ${process.getuid?.()} may not read ${blind.join(', ')}: a change takes effect when the agent starts again`,
    );
  }
  const inputs = watchContents({
    files: () => inputFiles(editions.latest()).filter(isWithinReach),
    onChange: (changed) => void triggers.ask('input', `${changed.join(', ')} changed`),
    onError,
    debounce: DEBOUNCE,
  });
  const watches: ContentWatch[] = [inputs];
  if (binary !== undefined) {
    const program = watchContents({
      files: () => [binary],
      onChange: () => void triggers.ask('binary', `${binary} was replaced`),
      onError,
      debounce: DEBOUNCE,
    });
    watches.push(program);
  }
  return {
    refresh: () => inputs.refresh(),
    close: async () => {
      for (const watch of watches) await watch.close();
    },
  };
}

function mayRead(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether it could be seen if it were there: what is behind a closed folder is not worth an error each time. */
function isWithinReach(file: string): boolean {
  try {
    statSync(file);
    return true;
  } catch (thrown) {
    return errorCode(thrown) !== 'EACCES';
  }
}
