// What `npm run storm` runs. Arguments: seconds, seed.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTs, root } from './load-ts.mjs';

const [seconds, seed] = process.argv.slice(2).map(Number);
const { storm } = await loadTs('test/storm/storm.ts');
const { describe, problemsOf } = await loadTs('test/storm/report.ts');
const { withCleanup } = await loadTs('test/support/on-close.ts');

const begun = Date.now();
const onMove = (text) => console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}`);
const report = await withCleanup((onClose) =>
  storm(onClose, { executable: join(root, 'dist/pilot-agent.cjs'), seconds, seed, onMove }),
);
console.log(describe(report));
const problems = problemsOf(report);
if (problems.length > 0) {
  const log = join(await mkdtemp(join(tmpdir(), 'storm-')), 'agent.log');
  await writeFile(log, report.output);
  for (const problem of problems.slice(0, 50)) console.log(`PROBLEM ${problem}`);
  console.log(`${problems.length} problems; the agent's log: ${log}`);
  process.exitCode = 1;
}
