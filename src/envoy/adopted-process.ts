import { type Millis, millis } from '../platform/duration.ts';
import { isSameProcess } from '../platform/processes.ts';
import type { EnvoyProcess, ExitStatus } from './process.ts';

/** Only a parent is told of the end of its child; anybody else must look. */
const POLL = millis(250);

/**
 * The handle of an Envoy that an agent before this one started. Its end shows within `poll`, and how it ended stays unknown.
 * @param startTime of the process that is meant (`ProcessIdentity`): another one that got the pid since gets no signal
 */
export function adoptProcess(pid: number, startTime: number, poll: Millis = POLL): EnvoyProcess {
  return {
    pid,
    exited: untilGone(pid, startTime, poll),
    signal: (signal) => void signalProcess(pid, startTime, signal),
  };
}

/**
 * Sends a signal to this very process, if it is still there and ours to signal. Between the look and the signal lie
 * microseconds, in which the kernel would have to go round all its pids.
 * @returns whether it was sent
 */
export function signalProcess(pid: number, startTime: number, signal: NodeJS.Signals): boolean {
  if (pid <= 1 || !isSameProcess(pid, startTime)) return false;
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function untilGone(pid: number, startTime: number, poll: Millis): Promise<ExitStatus> {
  return new Promise((resolve) => {
    const look = () => {
      if (isSameProcess(pid, startTime)) return;
      clearInterval(timer);
      resolve({ kind: 'unknown' });
    };
    const timer = setInterval(look, poll).unref();
    look();
  });
}
