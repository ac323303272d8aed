import { execFile } from 'node:child_process';

export interface CommandResult {
  /** Undefined: there is no such program. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never throws. */
export type Run = (file: string, args: readonly string[], input?: string) => Promise<CommandResult>;

/** Where iptables and ip are, for users whose PATH leaves them out. */
const ADMIN_FOLDERS = '/usr/sbin:/sbin';
const NOT_IN_TIME = 124; // as timeout(1) says
/** A node with kube-proxy has tens of thousands of rules, and `--network-namespace` may lead there. */
const MAX_OUTPUT = 256 * 2 ** 20;

/**
 * Node's own `execFile`: to load execa takes longer than all of iptables does (docs/benchmarks.md), and a pod waits for it.
 * @param deadlineMs after it the program is ended, and its exit code is 124
 */
export function createRun(deadlineMs: number): Run {
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:${ADMIN_FOLDERS}`, LC_ALL: 'C' };
  const options = { env, timeout: deadlineMs, killSignal: 'SIGKILL', maxBuffer: MAX_OUTPUT } as const;
  return (file, args, input = '') =>
    new Promise((resolve) => {
      const child = execFile(file, args, options, (error, stdout, stderr) => {
        if (error === null) resolve({ exitCode: 0, stdout, stderr });
        else if (error.code === 'ENOENT') {
          resolve({ exitCode: undefined, stdout: '', stderr: `there is no program ${file}` });
        } else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
        else {
          const late = typeof error.code !== 'string';
          const why = late ? `${file} took longer than ${deadlineMs} ms` : error.message;
          resolve({ exitCode: NOT_IN_TIME, stdout, stderr: `${stderr}${why}` });
        }
      });
      child.stdin?.on('error', () => {}); // it has ended without reading
      child.stdin?.end(input);
    });
}
