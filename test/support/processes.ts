import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

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

/** Children of a process, from /proc. */
export function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => statOf(candidate)?.[1] === String(pid));
}

/** What a process runs: its children, and in the place of a holder (src/envoy/held-process.ts) what that one holds. */
export function programsOf(pid: number): number[] {
  // What a holder has just forked is a copy of it until it becomes Envoy.
  return childrenOf(pid).flatMap((child) =>
    isHolder(child) ? childrenOf(child).filter((held) => !isHolder(held)) : [child],
  );
}

function isHolder(pid: number): boolean {
  try {
    return argumentsOf(pid)[2] === 'pilot-agent-holder';
  } catch {
    return false;
  }
}

/** Whether a process is there and not a zombie. */
export function isAlive(pid: number): boolean {
  return (statOf(pid)?.[0] ?? 'Z') !== 'Z';
}

/** /proc/PID/stat after the name: state, parent, ... */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** Whether a process has a TCP socket of IPv4 that listens on the port. */
export function listensOn(pid: number, port: number): boolean {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = readFileSync(`/proc/${pid}/net/tcp`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(`:${wanted}`) && state === '0A')
    .map((fields) => `socket:[${fields[9]}]`);
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).some((name) => inodes.includes(targetOf(`${folder}/${name}`)));
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return ''; // closed meanwhile
  }
}

/** Ends a process and its group, as far as they are still there. */
export function killGroup(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It is gone.
    }
  }
}

export interface EnvoyFacts {
  readonly pid: number;
  readonly epoch: number;
  readonly baseId: number;
}

/** The Envoys that a process runs now, by their command lines; those that only check a bootstrap left out. */
export function envoysOf(pid: number): EnvoyFacts[] {
  return programsOf(pid).flatMap((child): EnvoyFacts[] => {
    try {
      const args = argumentsOf(child);
      const numberAfter = (flag: string) => Number(args[args.indexOf(flag) + 1]);
      if (!args.includes('--restart-epoch')) return [];
      return [{ pid: child, epoch: numberAfter('--restart-epoch'), baseId: numberAfter('--base-id') }];
    } catch {
      return [];
    }
  });
}
