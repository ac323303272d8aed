import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

/**
 * Bundles a TypeScript program of a `fixtures` folder, as the build does, for tests that need a process of their own.
 * @returns the path of the program, to be run with `process.execPath`, and what removes it
 */
export async function bundleFixture(source: string): Promise<{ path: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'fixture-'));
  const path = join(folder, 'fixture.cjs');
  await build({ entryPoints: [source], outfile: path, bundle: true, platform: 'node', format: 'cjs' });
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}
