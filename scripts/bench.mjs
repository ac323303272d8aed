// `npm run bench -- <name> [arguments]`: runs `bench(arguments)` of bench/<name>.ts. Without a name: lists them.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from './build.mjs';
import { loadTs, root } from './load-ts.mjs';

const [name, ...args] = process.argv.slice(2);
const files = await readdir(join(root, 'bench')).catch(() => []);
const names = files.filter((file) => file.endsWith('.ts')).map((file) => file.slice(0, -3));

if (name !== undefined && names.includes(name)) {
  await build();
  const { bench } = await loadTs(`bench/${name}.ts`);
  await bench(args);
} else {
  if (name !== undefined) console.error(`Error: there is no benchmark "${name}"`);
  console.log(
    names.length === 0 ? 'There are no benchmarks yet.' : 'npm run bench -- <name>, with <name> one of:',
  );
  for (const each of names) console.log(`  ${each.padEnd(20)} ${await firstLine(each)}`);
  process.exitCode = name === undefined ? 0 : 1;
}

/** The comment that a benchmark opens with says what it measures. */
async function firstLine(each) {
  const text = await readFile(join(root, 'bench', `${each}.ts`), 'utf8');
  return /^\/\*\*? *(.*?) *(?:\*\/)?$|^\/\/ *(.*)$/m.exec(text)?.slice(1).find(Boolean) ?? '';
}
