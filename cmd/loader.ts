/** What `dist/pilot-agent.cjs` is: it runs the bundle of the command beside it, `proxy` from V8's code cache (docs/benchmarks.md). */
import { join } from 'node:path';
import { holdParts } from '../src/platform/held-parts.ts';
import { loadProgram } from '../src/platform/load-program.ts';

declare const __PARTS__: readonly string[];

const file = (name: string) => join(__dirname, `pilot-agent.${name}`);

const program =
  process.argv[2] === 'proxy'
    ? loadProgram(file('proxy.cjs'), file('proxy.cache'), holdParts(__dirname, __PARTS__, require))
    : loadProgram(file('main.cjs'), undefined, require);
program.run();
