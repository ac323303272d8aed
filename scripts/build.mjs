// Bundles each executable of cmd/ into one CommonJS file. One file, because the agent gives up root after it has
// started: nothing may be loaded later from a checkout that only root can read (docs/architecture.md).
import { spawnSync } from 'node:child_process';
import { chmod, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build as bundle } from 'esbuild';
import { inlinePages } from './inline-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

export async function build() {
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

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
