import { randomInt } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { processArgs, processIds } from '../platform/processes.ts';
import { readEnvoyArgv } from './read-argv.ts';

/** Envoy's shared memory for hot restart, of the family of epochs with this base id (envoy-hot-restart.md). */
export function sharedMemoryFile(baseId: number): string {
  return `/dev/shm/envoy_shared_memory_${baseId * 10}`;
}

/** Envoy multiplies the base id by ten and keeps it in 32 bits. */
const MAX_BASE_ID = 200_000_000;

/**
 * The base id for a new family of epochs: 0, as in a pod that holds one Envoy, unless another Envoy of this machine has it or
 * left shared memory behind that `uid` may not replace; then a random one, so that two agents that start together miss each other.
 */
export function chooseBaseId(uid: number): number {
  const taken = baseIdsInUse();
  for (let candidate = 0; ; candidate = randomInt(1, MAX_BASE_ID)) {
    const file = sharedMemoryFile(candidate);
    if (taken.has(candidate) || !mayReplace(file, uid)) continue;
    // An Envoy of another network namespace shows no socket here, but the shared memory may be the same.
    if (!existsSync(file) || !baseIdsOfProcesses().has(candidate)) return candidate;
  }
}

/** Base ids of every Envoy whose command line can be seen. */
function baseIdsOfProcesses(): ReadonlySet<number> {
  const argvs = processIds().map((pid) => readEnvoyArgv(processArgs(pid) ?? []));
  return new Set(argvs.flatMap((argv) => (argv === undefined ? [] : [argv.baseId])));
}

/** Removes the shared memory of a family that has ended. Best effort: it may be gone, or another user's. */
export function removeSharedMemory(baseId: number): void {
  try {
    rmSync(sharedMemoryFile(baseId), { force: true });
  } catch {
    // Another user's: whoever made it removes it.
  }
}

/** Whether an Envoy of this network namespace has this base id. */
export function isBaseIdInUse(baseId: number): boolean {
  return baseIdsInUse().has(baseId);
}

/** Whether an Envoy of this network namespace has the sockets of hot restart of this epoch (or of one three away from it). */
export function hasHotRestartSocket(baseId: number, epoch: number): boolean {
  return hotRestartSockets().has(baseId * 10 + (epoch % 3));
}

function baseIdsInUse(): ReadonlySet<number> {
  return new Set([...hotRestartSockets()].map((id) => Math.floor(id / 10)));
}

/** The numbers of the abstract sockets of hot restart, base id * 10 + epoch mod 3; the kernel prints padding as `@`. */
function hotRestartSockets(): ReadonlySet<number> {
  try {
    const names = readFileSync('/proc/net/unix', 'utf8').matchAll(/@envoy_domain_socket_parent_(\d+)/g);
    return new Set([...names].map(([, id]) => Number(id)));
  } catch {
    return new Set();
  }
}

function mayReplace(path: string, uid: number): boolean {
  try {
    return uid === 0 || lstatSync(path).uid === uid;
  } catch {
    return true;
  }
}
