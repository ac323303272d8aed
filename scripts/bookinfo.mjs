// `npm run bookinfo`: six small services on this machine, each with its own sidecar (docs/bookinfo.md).
import { constants } from 'node:os';
import { build } from './build.mjs';
import { loadTs, root } from './load-ts.mjs';

/** One Ctrl-C may come twice, from the terminal and from npm. */
const SAME_PRESS_MS = 300;

const end = new AbortController();
const hurry = new AbortController();
let first = 0;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (first !== 0 && Date.now() - first > SAME_PRESS_MS) hurry.abort(signal);
    if (first === 0) first = Date.now();
    end.abort(signal);
  });
}

process.exitCode = await main().catch((error) => {
  if (!end.signal.aborted) console.error(`Error: ${error.message}`);
  return 1;
});
if (end.signal.aborted) process.exitCode = 128 + constants.signals[end.signal.reason];

async function main() {
  const { HELP, readOptions } = await loadTs('scripts/bookinfo/options.ts');
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const { removeBookinfo, runBookinfo } = await loadTs('scripts/bookinfo/run.ts');
  if (options.remove) {
    const removed = await removeBookinfo(root);
    console.log(removed.length === 0 ? 'There is nothing to remove.' : `Removed ${removed.join(', ')}.`);
    return 0;
  }
  const envoy = options.sidecars ? await prepare() : undefined;
  const say = (line) => console.log(line);
  await runBookinfo({ root, options, envoy, say, end: end.signal, hurry: hurry.signal });
  return 0;
}

async function prepare() {
  const { ensureEnvoy } = await loadTs('src/envoy/ensure.ts');
  const envoy = await ensureEnvoy({
    env: process.env,
    stream: process.stdout,
    signal: end.signal,
    anywhere: true,
  });
  await build();
  return envoy;
}
