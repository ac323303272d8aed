import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeConfigFile } from '../bootstrap/write.ts';
import type { BootstrapText } from './bootstrap-source.ts';
import type { Source } from './epochs/state.ts';

/** The bootstraps of the epochs: one file each, and the text of those that may be needed again. */
export interface BootstrapFiles {
  /**
   * Writes the bootstrap of an epoch, `<configPath>/envoy-rev<epoch>.json`.
   * @returns a short name for its content
   * @throws EnvironmentError naming the path and the remedy
   */
  write(epoch: number, source: Source): Promise<string>;
  path(epoch: number): string;
  /** Removes an epoch's file. Synchronous: it also runs when the process is on its way out. */
  remove(epoch: number): void;
  removeAll(): void;
}

/** A crash goes back to the last one that was LIVE, a repair to the one that serves. */
const KEPT = 4;
const NAME_LENGTH = 12;

/** @param fromInputs makes the bootstrap anew from everything that it is made from */
export function createBootstrapFiles(
  configPath: string,
  fromInputs: () => Promise<BootstrapText>,
): BootstrapFiles {
  const saved = new Map<string, BootstrapText>();
  const written = new Map<number, string>();
  const path = (epoch: number) => written.get(epoch) ?? join(configPath, `envoy-rev${epoch}.json`);
  const remove = (epoch: number): void => {
    rmSync(path(epoch), { force: true });
    written.delete(epoch);
  };
  return {
    write: async (epoch, source) => {
      const known = source.kind === 'saved' ? saved.get(source.config) : undefined;
      const bootstrap = known ?? (await fromInputs());
      const name = createHash('sha256').update(bootstrap.text).digest('hex').slice(0, NAME_LENGTH);
      const file = join(configPath, `envoy-rev${epoch}${bootstrap.extension}`);
      await writeConfigFile(file, configPath, bootstrap.text, 0o644);
      written.set(epoch, file);
      saved.delete(name);
      saved.set(name, bootstrap);
      for (const old of [...saved.keys()].slice(0, -KEPT)) saved.delete(old);
      return name;
    },
    path,
    remove,
    removeAll: () => {
      for (const epoch of [...written.keys()]) remove(epoch);
    },
  };
}
