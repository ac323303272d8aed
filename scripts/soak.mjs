// `npm run soak -- --minutes N`: probes, scrapes and hot restarts over a sidecar under light load for N minutes (10 unless given),
// then says whether memory and open files of the agent stayed flat. A signal ends it with all that it has started.
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { onInterruption, runTree } from './run-tree.mjs';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const minutes = Number(values.minutes);
if (Number.isNaN(minutes) || minutes <= 0) {
  console.error('Error: npm run soak -- --minutes N, with N > 0');
  process.exitCode = 1;
} else {
  const signal = onInterruption();
  await build();
  const code = await runTree(['scripts/run-soak.mjs', String(minutes * 60)], signal);
  process.exitCode = signal.aborted ? 128 + constants.signals[signal.reason] : code;
}
