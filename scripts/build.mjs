// Bundles each executable of cmd/ into one CommonJS file. One file, because the agent gives up root after it has
// started: nothing may be loaded later from a checkout that only root can read (docs/architecture.md).
import { spawnSync } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { loadEsbuild } from './esbuild.mjs';
import { inlinePages } from './inline-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** @throws Error when the packages are not installed, or the sources cannot be bundled */
export async function build() {
  const { build: bundle } = await loadEsbuild();
  const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));
  await bundle({
    absWorkingDir: root,
    entryPoints: { 'pilot-agent': 'cmd/pilot-agent.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
    plugins: [inlinePages],
    banner: { js: '#!/usr/bin/env node' },
    define: { __VERSION__: JSON.stringify(version), __REVISION__: JSON.stringify(revision()) },
  });
  await chmod(`${root}dist/pilot-agent.cjs`, 0o755);
}

/** The commit that is built; unknown outside a checkout. */
function revision() {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--short=12', 'HEAD'], {
    cwd: root,
    encoding: 'utf8',
  });
  return status === 0 ? stdout.trim() : 'unknown';
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build().catch((error) => {
    console.error(`Error: ${error.message}`);
    process.exitCode = 1;
  });
}
