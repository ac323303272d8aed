/** Who a process of this machine is, from /proc. Synchronous: /proc is memory, and a signal must follow the look at once. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  readonly parentPid: number;
  /** Clock ticks since the machine booted. With the pid it names one process, until the next boot (`bootId`). */
  readonly startTime: number;
  /** The effective one. */
  readonly uid: number;
  /** It has ended with all its threads, and whoever started it has not asked how. */
  readonly zombie: boolean;
  readonly args: readonly string[];
  /**
   * The program, folder and network that it runs in; undefined where the kernel does not tell, as for a program with file
   * capabilities or without read permission, which runs "non-dumpable" (prctl(2)).
   */
  readonly exe: Executable | undefined;
  readonly cwd: string | undefined;
  readonly netNamespace: string | undefined;
}

export interface Executable {
  readonly path: string;
  /** The file has been replaced or removed since. */
  readonly deleted: boolean;
}

/** Who `pid` is now; undefined when it is gone, or is hidden from us (the mount option `hidepid`). */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const before = readStat(pid);
  const status = ifReadable(() => readFileSync(`/proc/${pid}/status`, 'utf8'));
  const args = processArgs(pid);
  const uid = /^Uid:\t\d+\t(\d+)/m.exec(status ?? '')?.[1];
  if (before === undefined || uid === undefined || args === undefined) return undefined;
  const { parentPid, startTime, zombie } = before;
  const identity: ProcessIdentity = {
    pid,
    parentPid,
    startTime,
    uid: Number(uid),
    zombie,
    args,
    exe: executable(pid),
    cwd: ifReadable(() => readlinkSync(`/proc/${pid}/cwd`)),
    netNamespace: netNamespace(pid),
  };
  // Pieces of two processes, if the pid changed hands meanwhile.
  return readStat(pid)?.startTime === startTime ? identity : undefined;
}

/** Whether the process that had this pid and start time still runs. A zombie does not. */
export function isSameProcess(pid: number, startTime: number): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.startTime === startTime && !stat.zombie;
}

/** When the process with this pid started, in clock ticks since boot; undefined when it is gone. */
export function startTimeOf(pid: number): number | undefined {
  return readStat(pid)?.startTime;
}

/** Whether the process is stopped (SIGSTOP has taken effect). */
export function isStopped(pid: number): boolean {
  return readStat(pid)?.stopped === true;
}

/** The command line, the program's name first; empty for a zombie and for the kernel's own. */
export function processArgs(pid: number): readonly string[] | undefined {
  const text = ifReadable(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
  return text === '' ? [] : text?.replace(/\0$/, '').split('\0');
}

/** Pids that this process can see. */
export function processIds(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Pids of the children of a process; none when it is gone. */
export function childrenOf(pid: number): readonly number[] {
  const text = ifReadable(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
  if (text !== undefined) return (text.match(/\d+/g) ?? []).map(Number);
  // A kernel without CONFIG_PROC_CHILDREN.
  return processIds().filter((candidate) => readStat(candidate)?.parentPid === pid);
}

/** Names this boot of the machine: start times repeat after the next. */
export function bootId(): string | undefined {
  return ifReadable(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
}

/** Names what pids mean: another container has others. */
export function pidNamespace(): string | undefined {
  return ifReadable(() => readlinkSync('/proc/self/ns/pid'));
}

export function netNamespace(pid: number | 'self'): string | undefined {
  return ifReadable(() => readlinkSync(`/proc/${pid}/ns/net`));
}

export interface ProcessStat {
  readonly parentPid: number;
  readonly startTime: number;
  readonly zombie: boolean;
  readonly stopped: boolean;
}

/**
 * Reads `/proc/<pid>/stat`, proc_pid_stat(5). The second field, the program's name in parentheses, may hold anything, spaces
 * and parentheses included; only the last parenthesis is the kernel's.
 */
export function parseStat(text: string): ProcessStat | undefined {
  const close = text.lastIndexOf(')');
  if (close < 0) return undefined;
  const fields = text.slice(close + 1).match(/\S+/g) ?? [];
  const [state, parent] = fields;
  const parentPid = wholeNumber(parent);
  const threads = wholeNumber(fields[20 - 3]); // the state is field 3
  const startTime = wholeNumber(fields[22 - 3]);
  if (state === undefined || parentPid === undefined || startTime === undefined) return undefined;
  // The first thread may have ended while others still have everything open.
  const zombie = /^[ZXx]$/.test(state) && (threads ?? 0) <= 1;
  return { parentPid, startTime, zombie, stopped: /^[Tt]$/.test(state) };
}

function readStat(pid: number): ProcessStat | undefined {
  const text = ifReadable(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  return text === undefined ? undefined : parseStat(text);
}

const DELETED = ' (deleted)';

function executable(pid: number): Executable | undefined {
  const link = `/proc/${pid}/exe`;
  const target = ifReadable(() => readlinkSync(link));
  if (target === undefined) return undefined;
  if (!target.endsWith(DELETED) || isSameFile(link, target)) return { path: target, deleted: false };
  return { path: target.slice(0, -DELETED.length), deleted: true };
}

/** A file may really have a name that ends in ` (deleted)`. */
function isSameFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => ifReadable(() => statSync(path)));
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** What /proc does not show (gone, hidden, not ours to see) is undefined. */
function ifReadable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
