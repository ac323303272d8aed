import { constants } from 'node:fs';
import { chmod, chown, copyFile, link, realpath, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Closable } from './closable.ts';
import { EnvironmentError, toError } from './errors.ts';
import { makeFolderFor, SHARED_PARENTS } from './folders.ts';
import { copyFolder, listFiles } from './mirror.ts';
import { canReach, permits, type User } from './users.ts';

export interface StagingRequest {
  /** The Envoy binary, as an absolute path. */
  readonly binary: string;
  readonly localConfig: string | undefined;
  readonly user: User;
  /** Where the temporary folder may go; by default the usual places of the machine. */
  readonly parents?: readonly string[];
}

/** Paths that the user can reach: the ones asked for, or copies in `folder`. `close()` removes the folder, as the user too. */
export interface Staged extends Closable {
  readonly binary: string;
  readonly localConfig: string | undefined;
  /** Undefined when nothing had to be staged. */
  readonly folder: string | undefined;
  readonly warnings: readonly string[];
}

/**
 * Puts what a user cannot reach (Envoy in root's cache, xDS files in a checkout that only root can read) where it can,
 * before the process becomes that user. The binary is a hard link where that will do, a copy otherwise.
 * @throws EnvironmentError when there is no place for it, with nothing left behind
 */
export async function stageForUser(request: StagingRequest): Promise<Staged> {
  const { binary, localConfig, user, parents = SHARED_PARENTS } = request;
  const stageBinary = !(await canReach(binary, user, constants.X_OK));
  const stageConfig = localConfig !== undefined && !(await canReadFolder(localConfig, user));
  if (!stageBinary && !stageConfig) {
    return { binary, localConfig, folder: undefined, warnings: [], close: async () => {} };
  }
  const folder = await makeFolderFor(user, parents);
  const close = () => rm(folder, { recursive: true, force: true });
  try {
    const staged = join(folder, 'envoy');
    if (stageBinary) await linkOrCopy(binary, staged, user);
    const copy = join(folder, 'xds');
    if (stageConfig) {
      await copyFolder(localConfig, copy);
      await chown(copy, user.uid, user.gid); // so that `close` can empty it
    }
    return {
      binary: stageBinary ? staged : binary,
      localConfig: stageConfig ? copy : localConfig,
      folder,
      warnings: stageConfig
        ? [
            `user ${user.uid} cannot read ${localConfig} (--localConfig): Envoy follows a copy in ${copy}, ` +
              'so later edits take no effect; keep the files where that user can read them',
          ]
        : [],
      close,
    };
  } catch (thrown) {
    await close();
    throw new EnvironmentError(
      `cannot put what user ${user.uid} needs in ${folder}: ${toError(thrown).message}; ` +
        'install Envoy where every user can run it, or start as that user',
      { cause: thrown },
    );
  }
}

/** A folder that is not there is no reason to stage it: who asked for it gets a better message than a copy can give. */
async function canReadFolder(folder: string, user: User): Promise<boolean> {
  const names = await listFiles(folder).catch(() => undefined);
  if (names === undefined) return true;
  if (!(await canReach(folder, user, constants.R_OK | constants.X_OK))) return false;
  const readable = await Promise.all(names.map((name) => canReach(join(folder, name), user, constants.R_OK)));
  return readable.every(Boolean);
}

async function linkOrCopy(from: string, to: string, user: User): Promise<void> {
  const file = await realpath(from); // link(2) would link a symbolic link itself
  if (permits(await stat(file), user, constants.R_OK | constants.X_OK)) {
    try {
      await link(file, to);
      return;
    } catch {
      // Another file system, or one without links.
    }
  }
  await copyFile(file, to, constants.COPYFILE_FICLONE);
  await chmod(to, 0o755);
}
