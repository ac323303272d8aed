import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface InotifyInstances {
  /** How many this user may have open, over all processes. */
  readonly limit: number;
  /** How many it has, as far as can be seen. */
  readonly used: number;
}

const LIMITS = ['/proc/sys/fs/inotify/max_user_instances', '/proc/sys/user/max_inotify_instances'];
/** Linux's own default. */
const DEFAULT_LIMIT = 128;

/** How many inotify instances (inotify(7)) this user may still open. Reads /proc: some milliseconds. */
export function inotifyInstances(): InotifyInstances {
  const limits = LIMITS.map(readNumber).filter((limit) => limit !== undefined);
  return { limit: limits.length === 0 ? DEFAULT_LIMIT : Math.min(...limits), used: countOwn() };
}

function readNumber(path: string): number | undefined {
  try {
    const number = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(number) && number > 0 ? number : undefined;
  } catch {
    return undefined;
  }
}

function countOwn(): number {
  const uid = process.getuid?.();
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => ownerOf(pid) === uid).reduce((sum, pid) => sum + instancesOf(pid), 0);
}

/** The real user, whom the kernel counts them for. */
function ownerOf(pid: string): number | undefined {
  try {
    const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return uid === undefined ? undefined : Number(uid);
  } catch {
    return undefined;
  }
}

function instancesOf(pid: string): number {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).filter((fd) => linkOf(`${folder}/${fd}`) === 'anon_inode:inotify').length;
  } catch {
    // It has ended, or may not be looked into.
    return 0;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
