// `npm run bench -- <name> [arguments]`: runs bench/<name>.ts. Without a name: lists them. A signal
// ends it with all that it has started.
import { readdir, readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root } from './load-ts.mjs';
import { onInterruption, runTree } from './run-tree.mjs';

const [name, ...args] = process.argv.slice(2);
const files = await readdir(join(root, 'bench')).catch(() => []);
const names = [];
for (const file of files.filter((each) => each.endsWith('.ts'))) {
  // Others are what the benchmarks share.
  const text = await readFile(join(root, 'bench', file), 'utf8');
  if (/^export (async )?function bench\b/m.test(text)) names.push(file.slice(0, -3));
}

if (name !== undefined && names.includes(name)) {
  process.exitCode = await run().catch((error) => {
    console.error(`Error: ${error.message}`);
    return 1;
  });
} else {
  if (name !== undefined) console.error(`Error: there is no benchmark "${name}"`);
  console.log(
    names.length === 0 ? 'There are no benchmarks yet.' : 'npm run bench -- <name>, with <name> one of:',
  );
  for (const each of names) console.log(`  ${each.padEnd(20)} ${await firstLine(each)}`);
  process.exitCode = name === undefined ? 0 : 1;
}

async function run() {
  const signal = onInterruption();
  await build();
  const code = await runTree(['scripts/run-bench.mjs', name, ...args], signal);
  return signal.aborted ? 128 + constants.signals[signal.reason] : code;
}

/** The comment that a benchmark opens with says what it measures. */
async function firstLine(each) {
  const text = await readFile(join(root, 'bench', `${each}.ts`), 'utf8');
  return /^\/\*\*? *(.*?) *(?:\*\/)?$|^\/\/ *(.*)$/m.exec(text)?.slice(1).find(Boolean) ?? '';
}
