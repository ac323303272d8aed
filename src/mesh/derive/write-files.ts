/** Writes xDS files so that Envoy takes up what has changed, and nothing else. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../platform/errors.ts';
import { ENDPOINTS_FOLDER, ROUTES_FOLDER, type XdsFile } from './delivery.ts';

const FOLDERS = [ENDPOINTS_FOLDER, ROUTES_FOLDER];
/** A name that no resource has, and that the next writer finds and removes. */
const TEMPORARY = '.new';

/**
 * Brings a folder to these files: only those whose content is another are written, each by a rename, which is what Envoy waits for;
 * then those that nothing refers to any more are removed. It does not wait for the disk: after a crash of the machine everything
 * is derived again. Blocks, for it runs in a process of its own.
 * @returns the paths that were written or removed
 * @throws the system error; what was written by then stays, and is sound by itself
 */
export function writeFiles(folder: string, files: readonly XdsFile[]): readonly string[] {
  for (const each of ['', ...FOLDERS]) mkdirSync(join(folder, each), { recursive: true });
  const changed: string[] = [];
  const temporary = join(folder, TEMPORARY);
  for (const { path, resources } of files) {
    const text = render(resources);
    const target = join(folder, path);
    if (readIfThere(target) === text) continue;
    // From outside of the folders that Envoy watches one by one.
    writeFileSync(temporary, text, { mode: 0o644 });
    renameSync(temporary, target);
    changed.push(path);
  }
  const wanted = new Set(files.map(({ path }) => path));
  for (const sub of FOLDERS) {
    for (const name of readdirSync(join(folder, sub))) {
      const path = `${sub}/${name}`;
      if (wanted.has(path)) continue;
      rmSync(join(folder, path), { force: true });
      changed.push(path);
    }
  }
  return changed;
}

/** A `DiscoveryResponse`. The version tells in Envoy's `config_dump` and statistics which content it has. */
function render(resources: readonly object[]): string {
  const text = JSON.stringify(resources);
  const version_info = createHash('sha256').update(text).digest('hex').slice(0, 12);
  return `{"version_info":"${version_info}","resources":${text}}\n`;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}
