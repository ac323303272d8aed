// Bundles the executable: a small loader, a CommonJS file for `proxy` with V8's code cache beside it and what it seldom needs
// apart, and one file for all the other commands (docs/architecture.md).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeCodeCache } from './code-cache.mjs';
import { loadEsbuild } from './esbuild.mjs';
import { inlinePages } from './inline-page.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** pino's transports are for worker threads: our log goes straight to its descriptor. */
const withoutTransports = {
  name: 'without-transports',
  setup({ onResolve }) {
    const replace = (filter, by) =>
      onResolve({ filter }, ({ importer }) =>
        /[/\\]pino[/\\](lib[/\\][^/\\]+|pino)\.js$/.test(importer)
          ? { path: `${root}scripts/${by}` }
          : undefined,
      );
    replace(/^\.\/(lib\/)?transport$/, 'absent.cjs');
    replace(/^(node:)?worker_threads$/, 'main-thread.cjs');
  },
};

/**
 * What a program imports only when it needs it becomes a bundle of its own (src/platform/held-parts.ts): packages and the page.
 * @param {Map<string, string>} found gets name and entry point of each
 * @param {Set<string>} names gets those of this program
 */
const apart = (found, names) => ({
  name: 'apart',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^[^.]|\.html$/ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import' || path.startsWith('node:')) return undefined;
      const name = basename(path, '.html');
      names.add(name);
      found.set(name, path.startsWith('.') ? join(resolveDir, path) : path);
      return { path: `pilot-agent:${name}`, external: true };
    }),
});

const dist = `${root}dist/`;

/** @throws Error when the packages are not installed, or the sources cannot be bundled */
export async function build() {
  const { build: bundle } = await loadEsbuild();
  const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));
  const common = {
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    // `require`, for `import('node:http')` loads far more of Node than that (docs/benchmarks.md).
    supported: { 'dynamic-import': false },
    charset: 'ascii',
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
  };
  const text = async (entry, options = {}) => {
    const { outputFiles } = await bundle({ ...common, ...options, entryPoints: [entry] });
    return outputFiles[0].text;
  };
  const parts = new Map();
  const program = (entry, plugins = []) =>
    text(entry, {
      plugins: [inlinePages, withoutTransports, ...plugins],
      alias: {
        '@opentelemetry/api': './scripts/absent.cjs',
        'yargs-parser': './scripts/no-arguments.cjs',
        assert: './scripts/assert.cjs',
      },
      define: { __VERSION__: JSON.stringify(version), __REVISION__: JSON.stringify(revision()) },
    });
  const names = { main: new Set(), proxy: new Set() };
  const [main, proxy, derive] = await Promise.all([
    program('cmd/pilot-agent.ts', [apart(parts, names.main)]),
    program('cmd/only-proxy.ts', [apart(parts, names.proxy)]),
    program('cmd/only-derive.ts'),
  ]);
  const __PARTS__ = JSON.stringify({ main: [...names.main].sort(), proxy: [...names.proxy].sort() });
  const [loader, recorder, ...rest] = await Promise.all([
    text('cmd/loader.ts', { define: { __PARTS__ } }),
    text('cmd/record-code.ts', { define: { __PARTS__ } }),
    ...[...parts.values()].map((entry) => program(entry)),
  ]);
  await mkdir(dist, { recursive: true });
  for (const [at, name] of [...parts.keys()].entries()) await writeProgram(name, rest[at]);
  await writeProgram('main', main);
  await writeProgram('proxy', proxy);
  await writeProgram('derive', derive);
  await replace('record-code.cjs', recorder, 0o644);
  try {
    if (!(await makeCodeCache(dist))) {
      console.error('There is no code cache: the agent will start more slowly');
    }
  } finally {
    await rm(`${dist}record-code.cjs`);
  }
  await replace('pilot-agent.cjs', `#!/usr/bin/env node\n${loader}`, 0o755);
  await removeOthers(['main', 'proxy', 'derive', ...parts.keys()]);
}

/** What a build of before has left, when the program had other parts. */
async function removeOthers(names) {
  const ours = /^pilot-agent\.(\w+)\.(cjs|cache)$/;
  for (const file of await readdir(dist)) {
    const name = ours.exec(file)?.[1];
    const isStale =
      name !== undefined && (!names.includes(name) || (name === 'main' && file.endsWith('.cache')));
    if (isStale) await rm(`${dist}${file}`);
  }
}

/** As `src/platform/load-program.ts` wants it. */
function writeProgram(name, code) {
  const program = `(function(require,module,__filename,__dirname){var exports=module.exports;${code}\n})`;
  const id = createHash('sha256').update(program).digest('hex').slice(0, 32);
  return replace(`pilot-agent.${name}.cjs`, `/*${id}*/${program}`, 0o644);
}

/** By a rename: an agent may be starting from the file of before. */
async function replace(name, text, mode) {
  await writeFile(`${dist}${name}.new`, text);
  await chmod(`${dist}${name}.new`, mode);
  await rename(`${dist}${name}.new`, `${dist}${name}`);
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
