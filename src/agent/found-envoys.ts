import { readdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { hasHotRestartSocket } from '../envoy/base-id.ts';
import { starterOf } from '../envoy/held-process.ts';
import { readEnvoyArgv } from '../envoy/read-argv.ts';
import {
  netNamespace,
  type ProcessIdentity,
  processArgs,
  processIdentity,
  processIds,
} from '../platform/processes.ts';
import { canonicalFile, canonicalFolder } from './state-file.ts';

/** An Envoy that some agent started with a bootstrap of our `configPath`, as /proc shows it. */
export interface FoundEnvoy {
  readonly pid: number;
  readonly startTime: number;
  /** Who started it, if that still lives; else who has taken its orphans. */
  readonly starterPid: number;
  readonly epoch: number;
  readonly baseId: number;
  /** Absolute and without symbolic links before its last part. */
  readonly bootstrapFile: string;
}

export interface FoundEnvoys {
  readonly ours: readonly FoundEnvoy[];
  /** What uses this folder and cannot be ours, for the log: another user's, or another network's. */
  readonly foreign: readonly string[];
}

const BOOTSTRAP_PREFIX = 'envoy-rev';

/**
 * Looks through the processes of the machine for Envoys with a bootstrap in `configPath`: those of the state file, and those
 * that it does not know because the agent died in the moment between their start and its writing.
 *
 * The command line decides, not the program: the binary may have been replaced meanwhile.
 */
export function findEnvoys(configPath: string, uid: number): FoundEnvoys {
  const folder = canonicalFolder(configPath);
  const ours: FoundEnvoy[] = [];
  const foreign: string[] = [];
  // Every living Envoy has its file here, so without one there is no need to look at every process.
  if (!hasBootstraps(folder)) return { ours, foreign };
  for (const pid of processIds()) {
    if (readEnvoyArgv(processArgs(pid) ?? []) === undefined) continue;
    const identity = processIdentity(pid);
    const found = identity === undefined ? undefined : describe(identity, folder);
    if (identity === undefined || found === undefined) continue;
    const why = strangeness(identity, found, uid);
    if (why === undefined) ours.push(found);
    else foreign.push(`Envoy ${pid} runs with ${found.bootstrapFile}, and ${why}: left alone`);
  }
  return { ours, foreign };
}

/** The Envoy that a process is, if its bootstrap is one of this folder. */
export function describe(identity: ProcessIdentity, folder: string): FoundEnvoy | undefined {
  const argv = readEnvoyArgv(identity.args);
  if (argv === undefined || identity.zombie) return undefined;
  if (!isAbsolute(argv.bootstrapFile) && identity.cwd === undefined) return undefined;
  const bootstrapFile = canonicalFile(resolve(identity.cwd ?? '/', argv.bootstrapFile));
  if (dirname(bootstrapFile) !== folder || !basename(bootstrapFile).startsWith(BOOTSTRAP_PREFIX))
    return undefined;
  const { pid, startTime, parentPid } = identity;
  return {
    pid,
    startTime,
    starterPid: starterOf(parentPid),
    epoch: argv.epoch,
    baseId: argv.baseId,
    bootstrapFile,
  };
}

function strangeness(identity: ProcessIdentity, found: FoundEnvoy, uid: number): string | undefined {
  if (identity.uid !== uid) return `belongs to user ${identity.uid}, and this agent is user ${uid}`;
  const namespace = identity.netNamespace;
  // Of a non-dumpable Envoy the kernel does not tell it; its sockets of hot restart show in its own network namespace only.
  const same =
    namespace === undefined
      ? hasHotRestartSocket(found.baseId, found.epoch)
      : namespace === netNamespace('self');
  return same ? undefined : 'is in another network namespace';
}

function hasBootstraps(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.startsWith(BOOTSTRAP_PREFIX));
  } catch {
    return false;
  }
}
