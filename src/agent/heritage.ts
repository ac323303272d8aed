/** What an agent before this one, killed or replaced while its Envoy serves, has left to this one. */
import { rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname } from 'node:path';
import type { AgentConfig } from '../config/agent-config.ts';
import { envoyAdmin } from '../envoy/admin.ts';
import type { EnvoyProcess } from '../envoy/process.ts';
import { millis } from '../platform/duration.ts';
import type { Logger } from '../platform/logger.ts';
import type { AdoptableEpoch } from './adoption.ts';
import type { AdoptedEpoch } from './epochs/state.ts';
import { loadState } from './state-file.ts';
import { reapStraysLater } from './strays.ts';
import { takeOver } from './take-over.ts';

export interface Heritage {
  /** Oldest first; empty when there is nothing to take over. */
  readonly epochs: readonly AdoptableEpoch[];
  /** Base id of their family. */
  readonly baseId: number | undefined;
  /** For the supervisor: its event `start`, and the processes by the keys that this event gives them. */
  readonly adopted: readonly AdoptedEpoch[];
  readonly processes: ReadonlyMap<number, EnvoyProcess>;
}

/**
 * Takes over what there is in `configPath`. To be called as the user that Envoy runs as, before anything of this agent listens.
 * @param localhost where Envoy's admin is
 * @throws EnvironmentError when the agent before still lives
 */
export async function inherit(
  config: Pick<AgentConfig, 'configPath' | 'noAdopt' | 'proxyAdminPort' | 'parentShutdownDuration'>,
  localhost: string,
  log: Logger,
  onClose: (close: () => void | Promise<void>) => void,
): Promise<Heritage> {
  const { configPath } = config;
  const uid = process.getuid?.() ?? 0;
  const before = loadState(configPath, uid);
  const { family, envoys, draining } = await takeOver({
    configPath,
    uid,
    // As PID 1 the agent leaves with its container, and so does Envoy: whatever is there is no heritage.
    adopt: !config.noAdopt && process.pid !== 1,
    admin: (port) => envoyAdmin(localhost, port ?? config.proxyAdminPort),
    log,
  });
  const later = reapStraysLater(draining, millis(config.parentShutdownDuration), log);
  onClose(() => later.close());
  if (before.kind === 'good') onClose(() => removeStaging(before.state.binary, uid));
  const epochs = family?.epochs ?? [];
  return {
    epochs,
    baseId: family?.baseId,
    adopted: epochs.map(({ epoch, config: name, serving }) => ({ number: epoch, config: name, serving })),
    processes: new Map(envoys.map((envoy, key) => [key, envoy])),
  };
}

const STAGING = /^pilot-agent-[A-Za-z0-9]{6}$/;

/** The folder in which that agent had put Envoy where this user could run it: it had no time to remove it. */
function removeStaging(binary: string, uid: number): void {
  const folder = dirname(binary);
  const parents = ['/tmp', '/var/tmp', '/dev/shm', tmpdir()];
  if (!STAGING.test(basename(folder)) || !parents.includes(dirname(folder))) return;
  try {
    if (statSync(folder).uid === uid) rmSync(folder, { recursive: true });
  } catch {
    // It is gone, or was none.
  }
}
