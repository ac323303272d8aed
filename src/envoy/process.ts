import { spawn } from 'node:child_process';
import { toError } from '../platform/errors.ts';

/** How a process ended. */
export type ExitStatus =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'not-started'; readonly error: Error }
  /** It is gone, and only the agent that started it could have asked how it ended. */
  | { readonly kind: 'unknown' };

/** One running Envoy. A start that failed has the same shape, so that callers know one path only. */
export interface EnvoyProcess {
  readonly pid: number | undefined;
  /** Settles once, when the process is gone; never rejects. */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal; a process that is gone already is no error. */
  signal(signal: NodeJS.Signals): void;
}

/**
 * Starts Envoy in a process group of its own, so that Ctrl-C on a terminal and `kill -- -group` of a service manager reach
 * the agent only and Envoy is drained. Its output goes straight to the agent's own; nothing is copied, nothing lost.
 *
 * `node:child_process`, not execa: this is the path that an application's start waits for (docs/dependencies.md).
 */
export function startEnvoy(binary: string, args: readonly string[], env: NodeJS.ProcessEnv): EnvoyProcess {
  try {
    const child = spawn(binary, args, { env, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
    const exited = new Promise<ExitStatus>((resolve) => {
      child.once('error', (error) => {
        if (child.pid === undefined) resolve({ kind: 'not-started', error });
      });
      child.once('exit', (code, signal) => {
        resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal });
      });
    });
    return { pid: child.pid, exited, signal: (signal) => void child.kill(signal) };
  } catch (thrown) {
    return notStarted(toError(thrown));
  }
}

/** A start that failed. */
export function notStarted(error: Error): EnvoyProcess {
  return { pid: undefined, exited: Promise.resolve({ kind: 'not-started', error }), signal: () => {} };
}

/**
 * The exit code that stands for how Envoy ended: its own, 128 + signal number, or 1 when it did not start. 1 also when nobody
 * knows: an Envoy that served and is gone must count as crashed.
 */
export function exitCodeOf(status: ExitStatus, signalNumbers: Readonly<Record<string, number>>): number {
  if (status.kind === 'exited') return status.code;
  if (status.kind === 'signalled') return 128 + (signalNumbers[status.signal] ?? 0);
  return 1;
}

/** Says how Envoy ended, for the log: `exit status 1`, `signal SIGKILL (out of memory? ...)`. */
export function describeExit(status: ExitStatus): string {
  switch (status.kind) {
    case 'exited':
      return `exit status ${status.code}`;
    case 'unknown':
      return 'how is not known, for an agent before this one started it';
    case 'not-started':
      return `could not be started: ${status.error.message}`;
    case 'signalled':
      return status.signal === 'SIGKILL'
        ? 'signal SIGKILL (Envoy may have been out of memory killed: check memory usage and limits)'
        : `signal ${status.signal}`;
  }
}
