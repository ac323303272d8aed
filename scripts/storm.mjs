// `npm run storm -- --minutes N --seed S`: kills, stops, spoils and restarts at random over a sidecar under load, and says what
// that cost. Without a seed: a random one, which is printed. A signal ends it with all that it has started.
import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { onInterruption, runTree } from './run-tree.mjs';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '2' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? randomInt(2 ** 31));
if (Number.isNaN(minutes) || minutes <= 0 || !Number.isInteger(seed)) {
  console.error('Error: npm run storm -- --minutes N --seed S, with N > 0 and a whole number S');
  process.exitCode = 1;
} else {
  const signal = onInterruption();
  await build();
  const code = await runTree(['scripts/run-storm.mjs', String(minutes * 60), String(seed)], signal);
  process.exitCode = signal.aborted ? 128 + constants.signals[signal.reason] : code;
}
