import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { startTimeOf } from '../platform/processes.ts';
import type { Epoch } from './epochs/state.ts';
import type { RecordedEpoch } from './state.ts';
import { removeState, saveState } from './state-file.ts';

export interface StateRecorderOptions {
  readonly configPath: string;
  readonly binary: string;
  readonly log: Logger;
  /** Pid of a living Envoy, by the key of its epoch. */
  readonly pid: (key: number) => number | undefined;
  readonly baseId: (family: number) => number;
  readonly adminPort: (epoch: Epoch) => number;
  readonly bootstrapFile: (number: number) => string;
}

export interface StateRecorder {
  /** Brings the state file to these epochs. Writes only when something in it changes; never throws. */
  record(epochs: readonly Epoch[]): void;
  /** Removes the file, for when no Envoy lives. Synchronous: it also runs when the process is on its way out. */
  remove(): void;
}

/** Keeps the state file true while the agent runs. */
export function createStateRecorder(options: StateRecorderOptions): StateRecorder {
  const { configPath, binary, log } = options;
  const startTimes = new Map<number, number>();
  let written = '';
  let failed = false;
  const describe = (epoch: Epoch): readonly RecordedEpoch[] => {
    const pid = options.pid(epoch.key);
    const startTime = startTimes.get(epoch.key) ?? (pid === undefined ? undefined : startTimeOf(pid));
    if (pid === undefined || startTime === undefined) return [];
    startTimes.set(epoch.key, startTime);
    return [
      {
        pid,
        startTime,
        epoch: epoch.number,
        baseId: options.baseId(epoch.family),
        adminPort: options.adminPort(epoch),
        phase: epoch.phase === 'leaving' || epoch.phase === 'drained' ? 'draining' : epoch.phase,
        config: epoch.config,
        bootstrapFile: options.bootstrapFile(epoch.number),
      },
    ];
  };
  return {
    record: (epochs) => {
      const recorded = epochs.flatMap(describe);
      const text = JSON.stringify(recorded);
      if (text === written) return;
      for (const key of startTimes.keys()) {
        if (!epochs.some((epoch) => epoch.key === key)) startTimes.delete(key);
      }
      try {
        const agent = { pid: process.pid, startTime: startTimeOf(process.pid) ?? 0 };
        saveState(configPath, { agent, binary, epochs: recorded });
        written = text;
        failed = false;
      } catch (thrown) {
        if (!failed) log.warn(toError(thrown).message);
        failed = true;
      }
    },
    remove: () => {
      written = '';
      try {
        removeState(configPath);
      } catch (thrown) {
        log.warn(`cannot remove the state file: ${toError(thrown).message}`);
      }
    },
  };
}
