/** Programs that run until they are stopped. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Program } from './plan.ts';

export interface Running {
  readonly name: string;
  /** Undefined while it runs, then how it ended. */
  readonly ended: () => string | undefined;
  readonly exited: Promise<void>;
  /** The last lines of its log. */
  readonly tail: () => string;
  /** SIGTERM, and SIGKILL for its session when it has not ended in time, or when `hurry` says so. */
  stop(graceMs: number, hurry: AbortSignal): Promise<void>;
}

const TAIL_LINES = 15;

/** Starts a program in a session of its own, so that a Ctrl-C in the terminal does not reach it. Its output goes to `log`. */
export function launch(name: string, { argv, env }: Program, cwd: string, log: string): Running {
  const output = openSync(log, 'a');
  const [file, ...args] = argv;
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, ...env },
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let end: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      end = error.message;
      resolve();
    });
    child.once('exit', (code, signal) => {
      end = signal === null ? `exit code ${code}` : `${signal}`;
      resolve();
    });
  });
  return {
    name,
    ended: () => end,
    exited,
    tail: () => readFileSync(log, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n'),
    stop: async (graceMs, hurry) => {
      if (end === undefined && !hurry.aborted) {
        child.kill('SIGTERM');
        const timer = new AbortController();
        const signal = AbortSignal.any([timer.signal, hurry]);
        await Promise.race([exited, delay(graceMs, undefined, { signal }).catch(() => {})]);
        timer.abort();
      }
      killSession(child.pid);
      await exited;
    },
  };
}

function killSession(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // nobody is left in it
  }
}
