// What `npm run bench` runs: `bench(root, arguments)` of one file of bench/.
import { loadTs, root } from './load-ts.mjs';

const [name, ...args] = process.argv.slice(2);
const { bench } = await loadTs(`bench/${name}.ts`);
await bench(root, args);
