// What `npm run fuzz` runs. Arguments: seconds, seed.
import { loadTs } from './load-ts.mjs';

const [seconds, seed] = process.argv.slice(2).map(Number);
const { fuzz } = await loadTs('test/fuzz/fuzz.ts');
const { withCleanup } = await loadTs('test/support/on-close.ts');

const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(`nobody caught ${error.stack}`));
const end = Date.now() + seconds * 1000;
console.log(`seed ${seed}, ${seconds} s`);
const { rounds, problems } = await withCleanup((onClose) =>
  fuzz(onClose, { seed, goOn: () => Date.now() < end && uncaught.length === 0 }),
);
for (const problem of [...uncaught, ...problems]) console.log(`PROBLEM ${problem}`);
console.log(`${rounds} rounds, ${problems.length + uncaught.length} problems`);
if (problems.length + uncaught.length > 0) process.exitCode = 1;
