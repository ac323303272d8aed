/** Carries out what `findAdoptable` decides: the one call that the start of the agent makes. */
import { rmSync } from 'node:fs';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import { adoptProcess } from '../envoy/adopted-process.ts';
import { isBaseIdInUse, removeSharedMemory } from '../envoy/base-id.ts';
import { freeHotRestartFlag } from '../envoy/hot-restart-flag.ts';
import type { EnvoyProcess } from '../envoy/process.ts';
import type { Logger } from '../platform/logger.ts';
import { type AdoptedFamily, findAdoptable } from './adoption.ts';
import { settleChild } from './settle-child.ts';
import { type LoadedState, loadState } from './state-file.ts';
import { reapStrays, type Stray } from './strays.ts';

export interface TakeOverOptions {
  readonly configPath: string;
  /** Who this agent is, and with it whom it may signal: to be called after it gave up root. */
  readonly uid: number;
  /** False with `--noAdopt` and as PID 1. */
  readonly adopt: boolean;
  /** The port is `--proxyAdminPort` where the agent before recorded none. */
  readonly admin: (port: number | undefined) => EnvoyAdmin;
  readonly log: Logger;
}

export interface TakenOver {
  /** Undefined: start afresh. */
  readonly family: AdoptedFamily | undefined;
  /** A handle for each of `family.epochs`, in their order. */
  readonly envoys: readonly EnvoyProcess[];
  /** To be given to `reapStraysLater`. */
  readonly draining: readonly Stray[];
}

/**
 * Finds the Envoys that the agent before this one left in `configPath`, ends those that cannot be taken over, removes what the
 * dead ones left behind, and hands over the rest, with hot restart free for the next epoch. To be called before anything is
 * bound or written there.
 * @throws EnvironmentError when another agent runs with this `configPath`
 */
export async function takeOver(options: TakeOverOptions): Promise<TakenOver> {
  const { configPath, uid, adopt, admin, log } = options;
  const loaded = loadState(configPath, uid);
  const plan = await findAdoptable(loaded, {
    configPath,
    uid,
    adopt,
    settle: (child, port) => settleChild(child, admin(port)),
  });
  for (const { level, text } of plan.notes) log[level](text);
  for (const { pid, epoch, why } of plan.strays) {
    log.warn(`Ending Envoy ${pid} (epoch ${epoch}) of the agent before: ${why}`);
  }
  const left = await reapStrays(plan.strays);
  for (const { pid } of left) log.error(`Envoy ${pid} cannot be ended: it may hold ports that are needed`);

  const family = plan.adopted;
  const kept = [...(family?.epochs ?? []), ...plan.draining, ...left];
  sweep(loaded, plan.strays, kept);
  if (family !== undefined) unblock(family, log);
  return {
    family,
    envoys: (family?.epochs ?? []).map(({ pid, startTime }) => adoptProcess(pid, startTime)),
    draining: plan.draining,
  };
}

type Traces = Pick<Stray, 'baseId' | 'bootstrapFile'>;

/** Removes the files of Envoys that are no more: `kill -9` of the agent left them. */
function sweep(loaded: LoadedState, ended: readonly Traces[], kept: readonly Traces[]): void {
  const recorded: readonly Traces[] = loaded.kind === 'good' ? loaded.state.epochs : [];
  for (const { baseId, bootstrapFile } of [...recorded, ...ended]) {
    if (!kept.some((each) => each.bootstrapFile === bootstrapFile)) rmSync(bootstrapFile, { force: true });
    // Somebody else's Envoy may have taken the base id since.
    if (!kept.some((each) => each.baseId === baseId) && !isBaseIdInUse(baseId)) removeSharedMemory(baseId);
  }
}

/** A child that died with the agent, or before it, has left hot restart blocked (envoy-hot-restart.md, trap 1). */
function unblock({ baseId }: AdoptedFamily, log: Logger): void {
  const result = freeHotRestartFlag(baseId);
  if (result.kind === 'freed') log.info(`Hot restart of base id ${baseId} was blocked: freed`);
  if (result.kind === 'impossible') {
    log.warn(`Hot restart of base id ${baseId} may be blocked, and cannot be freed: ${result.why}`);
  }
}
