import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { onTestFinished } from 'vitest';

export interface Child {
  readonly pid: number;
  /** What it has printed so far, on both streams. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** Exit code, or 128 + signal number; waits for it. */
  readonly exited: Promise<number>;
}

/** Starts a program; it is killed when the test is over. Programs that run another in their place keep the pid. */
export function startChild(
  [file, ...args]: readonly [string, ...string[]],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Child {
  const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const exited = new Promise<number>((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(127); // as a shell says
    });
    child.once('close', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    // A child of its own that it left behind would hold them open.
    child.stdout.destroy();
    child.stderr.destroy();
    return exited.then(() => {});
  });
  return {
    pid: child.pid ?? 0,
    output: () => output,
    signal: (signal) => void child.kill(signal),
    exited,
  };
}
