import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { loadEsbuild } from './esbuild.mjs';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Loads a TypeScript module of this checkout into a script, bundled in memory: nothing is written, nothing need be built.
 * @param {string} path from the root of the checkout: `src/envoy/fetch.ts`
 * @returns its exports
 * @throws Error when the packages are not installed
 */
export async function loadTs(path) {
  const { build } = await loadEsbuild();
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [path],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    logLevel: 'warning',
  });
  const module = { exports: {} };
  const run = new Function('module', 'exports', 'require', outputFiles[0].text);
  run(module, module.exports, createRequire(import.meta.url));
  return module.exports;
}
