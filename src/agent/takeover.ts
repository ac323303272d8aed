/** Taking over from an agent before this one that was killed or replaced while its Envoy serves. */
import { rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname } from 'node:path';
import type { AgentConfig } from '../config/agent-config.ts';
import { envoyAdmin } from '../envoy/admin.ts';
import { adoptProcess } from '../envoy/adopted-process.ts';
import type { EnvoyProcess } from '../envoy/process.ts';
import { millis } from '../platform/duration.ts';
import type { Logger } from '../platform/logger.ts';
import { type AdoptableEpoch, findAdoptable } from './adoption.ts';
import type { AdoptedEpoch } from './epochs/state.ts';
import { settleChild } from './settle-child.ts';
import { loadState } from './state-file.ts';
import { reapStrays, reapStraysLater } from './strays.ts';

export interface Takeover {
  /** Oldest first; empty when there is nothing to take over. */
  readonly epochs: readonly AdoptableEpoch[];
  /** Base id of their family. */
  readonly baseId: number | undefined;
  /** For the supervisor: its event `start`, and the processes by the keys that this event gives them. */
  readonly adopted: readonly AdoptedEpoch[];
  readonly processes: ReadonlyMap<number, EnvoyProcess>;
}

/**
 * Finds what an agent before this one left in `configPath`, ends what cannot be taken over, and hands back the rest. To be called
 * as the user that Envoy runs as, before anything of this agent listens.
 * @param localhost where Envoy's admin is
 * @throws EnvironmentError when that agent still lives
 */
export async function takeOver(
  config: Pick<AgentConfig, 'configPath' | 'noAdopt' | 'proxyAdminPort' | 'parentShutdownDuration'>,
  localhost: string,
  log: Logger,
  onClose: (close: () => void | Promise<void>) => void,
): Promise<Takeover> {
  const { configPath } = config;
  const uid = process.getuid?.() ?? 0;
  const loaded = loadState(configPath, uid);
  const plan = await findAdoptable(loaded, {
    configPath,
    uid,
    // As PID 1 the agent leaves with its container, and so does Envoy: whatever is there is no heritage.
    adopt: !config.noAdopt && process.pid !== 1,
    settle: (child, port) => settleChild(child, envoyAdmin(localhost, port ?? config.proxyAdminPort)),
  });
  for (const { level, text } of plan.notes) log[level](text);
  for (const { pid, epoch, why } of plan.strays)
    log.warn(`Ending epoch ${epoch} (pid ${pid}) of the agent before: ${why}`);
  for (const { pid } of await reapStrays(plan.strays))
    log.warn(`Envoy ${pid} of the agent before cannot be ended`);
  const later = reapStraysLater(plan.draining, millis(config.parentShutdownDuration), log);
  onClose(() => later.close());
  if (loaded.kind === 'good') onClose(() => removeStaging(loaded.state.binary, uid));

  const epochs = plan.adopted?.epochs ?? [];
  return {
    epochs,
    baseId: plan.adopted?.baseId,
    adopted: epochs.map(({ epoch, config: name, serving }) => ({ number: epoch, config: name, serving })),
    processes: new Map(epochs.map(({ pid, startTime }, key) => [key, adoptProcess(pid, startTime)])),
  };
}

const STAGING = /^pilot-agent-[A-Za-z0-9]{6}$/;

/** The folder in which that agent had put Envoy where this user could run it: it had no time to remove it. */
function removeStaging(binary: string, uid: number): void {
  const folder = dirname(binary);
  if (
    !STAGING.test(basename(folder)) ||
    !['/tmp', '/var/tmp', '/dev/shm', tmpdir()].includes(dirname(folder))
  )
    return;
  try {
    if (statSync(folder).uid === uid) rmSync(folder, { recursive: true });
  } catch {
    // It is gone, or was none.
  }
}
