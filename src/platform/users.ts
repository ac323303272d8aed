import { constants, fchownSync, fstatSync, readFileSync, type Stats } from 'node:fs';
import { access, lstat, readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { EnvironmentError, errorCode, toError } from './errors.ts';

/** Who a process runs as. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** The user and group of this process. */
export function currentUser(): User {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

/**
 * Gives up root for good: no supplementary groups, then the group, then the user, in the only order that works. `HOME`
 * in `env` becomes `/`, for root's home is not this user's, and children inherit it.
 * @throws EnvironmentError where the container or user namespace does not allow it; the process must then end, for it
 *   may have given up its groups already
 */
export function becomeUser({ uid, gid }: User, env: NodeJS.ProcessEnv): void {
  try {
    process.setgroups?.([gid]);
    process.setgid?.(gid);
    process.setuid?.(uid);
  } catch (thrown) {
    throw new EnvironmentError(
      `cannot become user ${uid}:${gid}: ${toError(thrown).message}; ` +
        `allow CAP_SETUID and CAP_SETGID, start as user ${uid}, or name another user with --proxy-uid`,
      { cause: thrown },
    );
  }
  env['HOME'] = '/';
}

/** Whether this process has CAP_NET_ADMIN (capabilities(7), 12), as far as /proc tells. */
export function hasNetAdmin(): boolean {
  try {
    const [, effective = '0'] =
      /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
    return (BigInt(`0x${effective}`) & (1n << 12n)) !== 0n;
  } catch {
    return false;
  }
}

/**
 * Whether a user could open a path: search permission on every folder on the way, symbolic links included, and `mode`
 * (`R_OK`, `W_OK`, `X_OK` or several) on what is at its end. For a user other than our own it is worked out from owner,
 * group and mode bits, so access control lists do not count. A path that does not exist cannot be reached.
 */
export async function canReach(path: string, user: User, mode: number): Promise<boolean> {
  if (user.uid === process.getuid?.()) {
    return access(path, mode).then(
      () => true,
      () => false,
    );
  }
  try {
    return await walk(resolve(path), user, mode);
  } catch (thrown) {
    if (errorCode(thrown) === undefined) throw thrown;
    return false;
  }
}

const MAX_LINKS = 40; // as in Linux, path_resolution(7)

/** Follows a path as the kernel does. `at` never has a symbolic link in it, so `..` may be taken off textually. */
async function walk(path: string, user: User, mode: number): Promise<boolean> {
  const rest = path.split('/');
  let at = '/';
  let links = 0;
  for (;;) {
    const info = await lstat(at);
    if (info.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) return false;
      const target = await readlink(at);
      rest.unshift(...target.split('/'));
      at = isAbsolute(target) ? '/' : dirname(at);
      continue;
    }
    const next = rest.shift();
    if (next === undefined) return permits(info, user, mode);
    if (!permits(info, user, constants.X_OK)) return false;
    at = join(at, next);
  }
}

/** Whether a file's owner, group and mode bits grant all of `mode` to the user. */
export function permits(info: Pick<Stats, 'uid' | 'gid' | 'mode'>, user: User, mode: number): boolean {
  if (user.uid === 0) return (mode & constants.X_OK) === 0 || (info.mode & 0o40111) !== 0;
  const shift = info.uid === user.uid ? 6 : info.gid === user.gid ? 3 : 0;
  return ((info.mode >> shift) & mode) === mode;
}

/**
 * Gives standard output and error to a user where they are pipes of root's, as container runtimes do, so that Envoy
 * can open `/dev/stdout` again for an access log. Terminals and files stay whose they are.
 */
export function fixStdio({ uid }: User): void {
  for (const fd of [1, 2]) {
    try {
      const info = fstatSync(fd);
      if (info.isFIFO() && info.uid === 0) fchownSync(fd, uid, info.gid);
    } catch (thrown) {
      // Closed, or not ours to give (a user namespace): Envoy's default log needs neither.
      if (errorCode(thrown) === undefined) throw thrown;
    }
  }
}
