// What `npm run soak` runs. Argument: seconds.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadTs, root } from './load-ts.mjs';

const seconds = Number(process.argv[2]);
const { describe, soak } = await loadTs('test/soak/soak.ts');
const { FOR_MINUTES, FOR_SECONDS } = await loadTs('test/soak/flat.ts');
const { withCleanup } = await loadTs('test/support/on-close.ts');

/** Under this V8 has not yet compiled what is hot. */
const SHORT_S = 240;

const begun = Date.now();
const report = await withCleanup((onClose) =>
  soak(onClose, {
    executable: join(root, 'dist/pilot-agent.cjs'),
    seconds,
    restartEveryMs: 5_000,
    allowances: seconds < SHORT_S ? FOR_SECONDS : FOR_MINUTES,
    onMinute: (text) => console.log(`${((Date.now() - begun) / 1000).toFixed(0).padStart(6)} s  ${text}`),
  }),
);
console.log(`soak of ${seconds} s\n${describe(report)}`);
if (report.problems.length > 0) {
  const log = join(await mkdtemp(join(tmpdir(), 'soak-')), 'agent.log');
  await writeFile(log, report.output);
  for (const problem of report.problems) console.log(`PROBLEM ${problem}`);
  console.log(`${report.problems.length} problems; the agent's log: ${log}`);
  process.exitCode = 1;
}
