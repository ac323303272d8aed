import { createHash, type Hash } from 'node:crypto';
import { renameSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { writeConfigFile } from '../bootstrap/write.ts';
import { type BootstrapText, withAdminPort } from './bootstrap-source.ts';

/** Which bootstrap: the name of its content, and where Envoy's admin is when not where the text says. */
export interface StagedName {
  readonly config: string;
  readonly adminPort: number | undefined;
}

/** The files of the epochs' bootstraps. */
export interface BootstrapFiles {
  /**
   * Writes a bootstrap to a file of its own, to be checked: that of an epoch may be about to be read.
   * @returns the path
   * @throws EnvironmentError naming the path and the remedy
   */
  stage(name: StagedName, bootstrap: BootstrapText): Promise<string>;
  /** Removes what was staged and not used. */
  discard(name: StagedName): void;
  /**
   * Makes what was staged the bootstrap of an epoch, `<configPath>/envoy-rev<epoch>.json`. Synchronous, as the start of a process is.
   * @returns the path
   */
  use(name: StagedName, epoch: number): string;
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
  const staged = new Map<string, string>();
  const used = new Map<number, string>();
  const keyOf = ({ config, adminPort }: StagedName) =>
    `${config}${adminPort === undefined ? '' : `-${adminPort}`}`;
  const path = (epoch: number) => used.get(epoch) ?? join(configPath, `envoy-rev${epoch}.json`);
  const remove = (epoch: number): void => {
    rmSync(path(epoch), { force: true });
    used.delete(epoch);
  };
  const discard = (key: string): void => {
    const file = staged.get(key);
    if (file !== undefined) rmSync(file, { force: true });
    staged.delete(key);
  };
  return {
    stage: async (name, bootstrap) => {
      const { text, extension } =
        name.adminPort === undefined ? bootstrap : await withAdminPort(bootstrap, name.adminPort);
      const file = join(configPath, `envoy-next-${keyOf(name)}${extension}`);
      staged.set(keyOf(name), file);
      await writeConfigFile(file, configPath, text, MODE);
      return file;
    },
    discard: (name) => discard(keyOf(name)),
    use: (name, epoch) => {
      const from = staged.get(keyOf(name));
      if (from === undefined) throw new Error(`the bootstrap ${keyOf(name)} is not there`);
      const file = join(configPath, `envoy-rev${epoch}${extname(from)}`);
      renameSync(from, file);
      staged.delete(keyOf(name));
      used.set(epoch, file);
      return file;
    },
    adopt: (epoch, file) => void used.set(epoch, file),
    path,
    epochs: () => [...used.keys()],
    remove,
    removeAll: () => {
      for (const epoch of [...used.keys()]) remove(epoch);
      for (const key of [...staged.keys()]) discard(key);
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
