import { readFileSync } from 'node:fs';

/** The command line of a process, without its first word. */
export function argumentsOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(1, -1);
}

export interface Credentials {
  /** Real, effective, saved and file system user: one number when they are the same. */
  readonly users: readonly number[];
  readonly groups: readonly number[];
  readonly supplementary: readonly number[];
}

/** Who a process is, from /proc/PID/status. */
export function credentialsOf(pid: number): Credentials {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const numbers = (name: string) => [
    ...new Set(new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.match(/\d+/g)?.map(Number)),
  ];
  return { users: numbers('Uid'), groups: numbers('Gid'), supplementary: numbers('Groups') };
}
