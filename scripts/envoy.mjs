// `npm run envoy`: fetches Envoy into the cache, unless it is there.
import { loadTs } from './load-ts.mjs';

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interruption.abort());
try {
  const { ensureEnvoy } = await loadTs('src/envoy/ensure.ts');
  const path = await ensureEnvoy({
    env: process.env,
    stream: process.stdout,
    signal: interruption.signal,
    anywhere: false,
  });
  console.log(`Envoy: ${path}`);
} catch (error) {
  console.error(`Error: ${error.message}`);
  process.exitCode = interruption.signal.aborted ? 130 : 1;
}
