/** `pilot-agent proxy` and no other command: a bundle of its own, for what this process has loaded it keeps (docs/benchmarks.md). */
import { endWith } from './outcome.ts';
import { proxy } from './proxy.ts';

endWith(proxy(process.argv.slice(3)));
