// Bundles the executable into one CommonJS file, with a small loader and V8's code cache beside it. One file, because the agent
// gives up root after it has started: nothing may be loaded later from a checkout that only root can read (docs/architecture.md).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
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

const dist = `${root}dist/`;
const MAIN = 'pilot-agent.main.cjs';

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
  const [loader, recorder, main] = await Promise.all([
    text('cmd/loader.ts'),
    text('cmd/record-code.ts'),
    text('cmd/pilot-agent.ts', {
      plugins: [inlinePages, withoutTransports],
      alias: { '@opentelemetry/api': './scripts/absent.cjs' },
      define: { __VERSION__: JSON.stringify(version), __REVISION__: JSON.stringify(revision()) },
    }),
  ]);
  const program = `(function(require,module,__filename,__dirname){var exports=module.exports;${main}\n})`;
  const id = createHash('sha256').update(program).digest('hex').slice(0, 32);
  await mkdir(dist, { recursive: true });
  await replace(MAIN, `/*${id}*/${program}`, 0o644);
  await replace('record-code.cjs', recorder, 0o644);
  try {
    if (!(await makeCodeCache(`${dist}record-code.cjs`))) {
      console.error('There is no code cache: the agent will start more slowly');
    }
  } finally {
    await rm(`${dist}record-code.cjs`);
  }
  await replace('pilot-agent.cjs', `#!/usr/bin/env node\n${loader}`, 0o755);
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
