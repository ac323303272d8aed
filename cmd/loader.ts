/** What `dist/pilot-agent.cjs` is: it runs the bundle beside it, from V8's code cache (docs/benchmarks.md). */
import { join } from 'node:path';
import { loadProgram } from '../src/platform/load-program.ts';

loadProgram(
  join(__dirname, 'pilot-agent.main.cjs'),
  join(__dirname, 'pilot-agent.main.cache'),
  require,
).run();
