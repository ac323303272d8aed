// `npm run fuzz -- --minutes N --seed S`: bodies, answers and requests that are spoiled at random, through the readers of metrics and
// the HTTP servers. Without a seed: a random one, which is printed. A signal ends it.
import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { onInterruption, runTree } from './run-tree.mjs';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '2' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed ?? randomInt(2 ** 31));
if (Number.isNaN(minutes) || minutes <= 0 || !Number.isSafeInteger(seed)) {
  console.error('Error: npm run fuzz -- --minutes N --seed S, with N > 0 and a whole number S');
  process.exitCode = 1;
} else {
  const signal = onInterruption();
  const code = await runTree(['scripts/run-fuzz.mjs', String(minutes * 60), String(seed)], signal);
  process.exitCode = signal.aborted ? 128 + constants.signals[signal.reason] : code;
}
