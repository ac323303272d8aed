/** What `dist/pilot-agent.cjs` is: it runs the bundle of the command beside it, `proxy` from V8's code cache (docs/benchmarks.md). */
import { join } from 'node:path';
import { holdParts } from '../src/platform/held-parts.ts';
import { loadProgram } from '../src/platform/load-program.ts';

/** By program. */
declare const __PARTS__: Readonly<Record<'main' | 'proxy', readonly string[]>>;

const name = process.argv[2] === 'proxy' ? 'proxy' : 'main';
const file = (extension: string) => join(__dirname, `pilot-agent.${name}.${extension}`);
const cache = name === 'proxy' ? file('cache') : undefined;
loadProgram(file('cjs'), cache, holdParts(__dirname, __PARTS__[name], require)).run();
