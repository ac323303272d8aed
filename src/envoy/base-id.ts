import { randomInt } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Closable } from '../platform/closable.ts';
import { processArgs, processIds } from '../platform/processes.ts';
import { readEnvoyArgv } from './read-argv.ts';

/** Envoy's shared memory for hot restart, of the family of epochs with this base id (envoy-hot-restart.md). */
export function sharedMemoryFile(baseId: number): string {
  return `/dev/shm/envoy_shared_memory_${baseId * 10}`;
}

/** Envoy multiplies the base id by ten and keeps it in 32 bits. */
const MAX_BASE_ID = 200_000_000;

/** A base id that no Envoy has and no other agent is about to take; `close()` lets others have it. */
export interface ClaimedBaseId extends Closable {
  readonly baseId: number;
}

/**
 * The base id for an agent's first Envoy: 0, as in a pod that holds one Envoy, unless another Envoy of this machine has it, another
 * agent has claimed it, or shared memory was left behind that `uid` may not replace; then a random one.
 */
export async function claimBaseId(uid: number): Promise<ClaimedBaseId> {
  for (let candidate = 0; ; candidate = randomBaseId(uid)) {
    const claim = isFree(candidate, uid) ? await claimName(`pilot-agent-base-id-${candidate}`) : undefined;
    if (claim !== undefined) return { baseId: candidate, close: claim.close };
  }
}

/** A base id for a further family of the same agent: one of 200 million, so that nobody else takes it at this moment. */
export function randomBaseId(uid: number): number {
  for (;;) {
    const candidate = randomInt(1, MAX_BASE_ID);
    if (isFree(candidate, uid)) return candidate;
  }
}

function isFree(baseId: number, uid: number): boolean {
  const file = sharedMemoryFile(baseId);
  if (baseIdsInUse().has(baseId) || !mayReplace(file, uid)) return false;
  // An Envoy of another network namespace shows no socket here, but the shared memory may be the same.
  return !existsSync(file) || !baseIdsOfProcesses().has(baseId);
}

/** Takes an abstract socket, of which there is one of a name in a network namespace; the kernel frees it with the process. */
function claimName(name: string): Promise<Closable | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ path: `\0${name}` }, () => {
      server.unref();
      resolve({ close: () => new Promise((closed) => server.close(() => closed())) });
    });
  });
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
