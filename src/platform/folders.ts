import { constants } from 'node:fs';
import { access, chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EnvironmentError, errorCode, toError } from './errors.ts';
import { canReach, currentUser, type User } from './users.ts';

/**
 * Makes sure that a folder is there and that the user may write in it. What this creates, parents included, gets mode
 * 0755 and belongs to the user; a folder that is there already is left as it is.
 * @param setting where the path comes from, for the error message: `--configPath`
 * @throws EnvironmentError when it cannot be created or the user may not write in it; nothing new is left behind then
 */
export async function prepareFolder(path: string, user: User, setting: string): Promise<void> {
  const whole = resolve(path);
  let first: string | undefined;
  try {
    first = await mkdir(whole, { recursive: true });
    for (let at = whole; first !== undefined; at = dirname(at)) {
      await chmod(at, 0o755); // mkdir's own mode goes through the umask
      if (currentUser().uid === 0) await chown(at, user.uid, user.gid);
      if (at === first) break;
    }
  } catch (thrown) {
    throw new EnvironmentError(
      `cannot create the folder ${whole} (${setting}): ${reason(thrown)}; ` +
        `pass ${setting} with a folder in which user ${user.uid} may write`,
      { cause: thrown },
    );
  }
  if (await canReach(whole, user, constants.W_OK | constants.X_OK)) return;
  if (first !== undefined) {
    await rm(first, { recursive: true, force: true });
    throw new EnvironmentError(
      `user ${user.uid} cannot reach the folder ${whole} (${setting}): one above it is closed to that user; ` +
        `pass ${setting} with a folder that user ${user.uid} can reach`,
    );
  }
  throw new EnvironmentError(
    `user ${user.uid} may not write in the folder ${whole} (${setting}); ` +
      `give it to that user (chown ${user.uid}:${user.gid} ${whole}) or pass ${setting} with another folder`,
  );
}

/** Where a folder for another user may go: the first of these that allows it. */
export const SHARED_PARENTS: readonly string[] = [tmpdir(), '/var/tmp', '/dev/shm'];

/**
 * Makes a private temporary folder that belongs to a user, in a place where that user can remove it too and where
 * programs may be run (`/tmp` is often mounted `noexec`).
 * @throws EnvironmentError when no parent will do
 */
export async function makeFolderFor(user: User, parents = SHARED_PARENTS): Promise<string> {
  const refusals: string[] = [];
  for (const parent of parents) {
    if (!(await canReach(parent, user, constants.W_OK | constants.X_OK))) {
      refusals.push(`${parent}: user ${user.uid} may not write there`);
      continue;
    }
    let folder: string | undefined;
    try {
      folder = await mkdtemp(join(parent, 'pilot-agent-'));
      await requireExecution(folder);
      if (currentUser().uid === 0) await chown(folder, user.uid, user.gid);
      return folder;
    } catch (thrown) {
      refusals.push(`${parent}: ${reason(thrown)}`);
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    }
  }
  throw new EnvironmentError(
    `no place for files that user ${user.uid} needs (${refusals.join('; ')}); set TMPDIR to a folder in which ` +
      'every user may write and run programs',
  );
}

/** access(2) refuses X_OK on a file system that is mounted noexec, for root too. */
async function requireExecution(folder: string): Promise<void> {
  const probe = join(folder, 'probe');
  await writeFile(probe, '', { mode: 0o700 });
  await access(probe, constants.X_OK);
  await rm(probe);
}

function reason(thrown: unknown): string {
  switch (errorCode(thrown)) {
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOSPC':
      return 'no space left';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a part of it is a file';
    default:
      return toError(thrown).message;
  }
}
