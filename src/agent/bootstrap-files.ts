import { createHash, type Hash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeConfigFile } from '../bootstrap/write.ts';
import { type BootstrapText, withAdminPort } from './bootstrap-source.ts';

/** The files of the epochs' bootstraps. */
export interface BootstrapFiles {
  /**
   * Writes the bootstrap of an epoch, `<configPath>/envoy-rev<epoch>.json`.
   * @param adminPort another port for Envoy's admin than the bootstrap says
   * @returns the path
   * @throws EnvironmentError naming the path and the remedy
   */
  write(epoch: number, bootstrap: BootstrapText, adminPort?: number): Promise<string>;
  /** Takes over the file of an epoch that an agent before this one wrote. */
  adopt(epoch: number, file: string): void;
  path(epoch: number): string;
  /** Epochs that have a file. */
  epochs(): readonly number[];
  /** Removes an epoch's file. Synchronous: it also runs when the process is on its way out. */
  remove(epoch: number): void;
  removeAll(): void;
}

const NAME_LENGTH = 12;
const MODE = 0o644;

export function createBootstrapFiles(configPath: string): BootstrapFiles {
  const written = new Map<number, string>();
  const path = (epoch: number) => written.get(epoch) ?? join(configPath, `envoy-rev${epoch}.json`);
  const remove = (epoch: number): void => {
    rmSync(path(epoch), { force: true });
    written.delete(epoch);
  };
  return {
    write: async (epoch, bootstrap, adminPort) => {
      const { text, extension } =
        adminPort === undefined ? bootstrap : await withAdminPort(bootstrap, adminPort);
      const file = join(configPath, `envoy-rev${epoch}${extension}`);
      written.set(epoch, file);
      await writeConfigFile(file, configPath, text, MODE);
      return file;
    },
    adopt: (epoch, file) => void written.set(epoch, file),
    path,
    epochs: () => [...written.keys()],
    remove,
    removeAll: () => {
      for (const epoch of [...written.keys()]) remove(epoch);
    },
  };
}

/** A short name for what an Envoy with this bootstrap would run: its text, and what is in the certificates it names. */
export async function nameBootstrap({ text, certificates }: BootstrapText): Promise<string> {
  const hash = createHash('sha256').update(text);
  for (const file of certificates) await addFile(hash, file);
  return hash.digest('hex').slice(0, NAME_LENGTH);
}

async function addFile(hash: Hash, path: string): Promise<void> {
  // A file that is missing is a state of its own: Envoy will say so.
  const content = await readFile(path).catch(() => undefined);
  hash.update(`\0${path}\0${content === undefined ? 'missing' : content.length}\0`);
  if (content !== undefined) hash.update(content);
}
