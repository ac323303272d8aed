/**
 * Envoy asks the kernel for SIGTERM when its parent dies (seen on 1.40, unless hot restart is disabled), so an Envoy that is to
 * outlive the agent needs another parent. Here that is a shell of 0.1 MB, the holder: it starts Envoy, waits, and ends with its
 * exit status. It costs a millisecond. Names of variables that a shell cannot have (`a.b`) do not reach Envoy.
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { errorCode, toError } from '../platform/errors.ts';
import {
  childrenOf,
  isSameProcess,
  processArgs,
  processIdentity,
  startTimeOf,
} from '../platform/processes.ts';
import { adoptProcess, signalProcess } from './adopted-process.ts';
import { type EnvoyProcess, type ExitStatus, startEnvoy } from './process.ts';

const SHELL = '/bin/sh';
const HOLDER = 'pilot-agent-holder';
/** Envoy is started before the holder ignores signals, for what is ignored stays so in a child. */
const SCRIPT = `"$@" &
trap "" HUP INT TERM
exec 2>/dev/null
wait $!`;
/** The shell takes about a millisecond to start Envoy. On a machine that takes longer its pid is looked for when it is needed. */
const WAIT_MS = 200;
const POLL_MS = 0.5;

/** Starts Envoy so that it outlives this process; otherwise as `startEnvoy`, which it is where there is no shell. */
export function startHeldEnvoy(
  binary: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): EnvoyProcess {
  if (!existsSync(SHELL)) return startEnvoy(binary, args, env);
  try {
    requireProgram(binary);
  } catch (thrown) {
    const exited = Promise.resolve<ExitStatus>({ kind: 'not-started', error: toError(thrown) });
    return { pid: undefined, exited, signal: () => {} };
  }
  return held(startEnvoy(SHELL, ['-c', SCRIPT, HOLDER, binary, ...args], env));
}

/** Who started a process: its parent, or the parent of its holder. */
export function starterOf(parentPid: number): number {
  return processArgs(parentPid)?.[3] === HOLDER ? (processIdentity(parentPid)?.parentPid ?? 0) : parentPid;
}

interface Started {
  readonly pid: number;
  readonly startTime: number;
}

function held(holder: EnvoyProcess): EnvoyProcess {
  let envoy: Started | undefined;
  const find = (): Started | undefined => {
    envoy ??= holder.pid === undefined ? undefined : onlyChild(holder.pid);
    return envoy;
  };
  const gone = holder.exited.then(async (status): Promise<ExitStatus> => {
    if (status.kind === 'exited') return meaning(status.code);
    // Somebody has ended the holder, of which Envoy is told with a SIGTERM.
    return envoy === undefined ? status : adoptProcess(envoy.pid, envoy.startTime).exited;
  });
  if (holder.pid !== undefined) waitForChild(holder.pid, find);
  return {
    get pid() {
      return find()?.pid;
    },
    exited: gone,
    signal: (signal) => {
      const found = find();
      if (found !== undefined) signalProcess(found.pid, found.startTime, signal);
    },
  };
}

/** Blocks, for about a millisecond: whoever starts a process expects to know its pid. */
function waitForChild(holder: number, find: () => Started | undefined): void {
  const startTime = startTimeOf(holder);
  const end = performance.now() + WAIT_MS;
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (startTime !== undefined && isSameProcess(holder, startTime) && performance.now() < end) {
    if (find() !== undefined) return;
    Atomics.wait(never, 0, 0, POLL_MS);
  }
}

function onlyChild(holder: number): Started | undefined {
  const [pid] = childrenOf(holder);
  const startTime = pid === undefined ? undefined : startTimeOf(pid);
  return pid === undefined || startTime === undefined ? undefined : { pid, startTime };
}

/** What a shell says of its child: 126 and 127 when there was none, 128 + number for the end by a signal. */
function meaning(code: number): ExitStatus {
  if (code === 126 || code === 127) {
    return { kind: 'not-started', error: new Error(`${SHELL} cannot run it (exit status ${code})`) };
  }
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  const signal = names.find(([, number]) => number === code - 128)?.[0];
  return signal === undefined ? { kind: 'exited', code } : { kind: 'signalled', signal };
}

const ELF = '\x7fELF';
const INTERPRETED = '#!';

/** A shell takes whatever the kernel refuses for a script of its own. */
function requireProgram(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (thrown) {
    if (errorCode(thrown) === 'EACCES') return; // it may be run without being read
    throw thrown;
  }
  try {
    const start = Buffer.alloc(ELF.length);
    readSync(file, start, 0, start.length, 0);
    const text = start.toString('latin1');
    if (text !== ELF && !text.startsWith(INTERPRETED)) throw new Error(`${path} is no program`);
  } finally {
    closeSync(file);
  }
}
