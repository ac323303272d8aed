import { execa } from 'execa';

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

/** @param deadlineMs after it the program is ended, and its exit code is 124 */
export function createRun(deadlineMs: number): Run {
  return async (file, args, input = '') => {
    const { exitCode, stdout, stderr, timedOut, code, shortMessage } = await execa(file, args, {
      input,
      reject: false,
      timeout: deadlineMs,
      killSignal: 'SIGKILL',
      stripFinalNewline: false,
      env: { PATH: `${process.env['PATH'] ?? ''}:${ADMIN_FOLDERS}`, LC_ALL: 'C' },
    });
    if (code === 'ENOENT') return { exitCode: undefined, stdout: '', stderr: `there is no program ${file}` };
    if (timedOut)
      return { exitCode: NOT_IN_TIME, stdout, stderr: `${file} took longer than ${deadlineMs} ms` };
    return {
      exitCode: exitCode ?? 1,
      stdout,
      stderr: exitCode === undefined ? (shortMessage ?? '') : stderr,
    };
  };
}
