// `npm start`: gets Envoy if it is not there, builds, and runs the agent in the foreground over examples/productpage,
// with the example's application beside it. Arguments go on to the agent: `npm start -- --proxyLogLevel info`.
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startApplication } from '../examples/productpage/app.mjs';
import { build } from './build.mjs';
import { loadTs, root } from './load-ts.mjs';

const LISTENERS = { outbound: 15001, inbound: 15006 }; // as in examples/productpage/lds.yaml
const READY = { port: 15020, path: '/healthz/ready' };
const PROXY_USER = { uid: 1337, gid: 1337 };
/** One Ctrl-C may come twice, from the terminal and from npm. */
const SAME_PRESS_MS = 300;
const SAY_WHY_MS = 10_000;

const BANNER = `
The sidecar is ready. What listens on this machine:

  15006  the sidecar's front, before productpage           (loopback)
  15001  where productpage asks for reviews and details    (loopback)
   9080  productpage; 9081 details, 9082 and 9083 reviews  (loopback)
  15000  Envoy's admin interface                           (loopback)
  15020  the agent: readiness, probes, metrics, and a status page for a browser
  15021  readiness, by way of Envoy
  15090  metrics of productpage, agent and Envoy in one

Worth typing in another terminal:

  curl http://localhost:15006/productpage
  curl http://localhost:15020/app-health/productpage/readyz -i
  curl -s http://localhost:15090/stats/prometheus | grep -E '^(productpage|istio_agent)_'
  node dist/pilot-agent.cjs restart && node dist/pilot-agent.cjs status

Change the weights of reviews in examples/productpage/lds.yaml, save, and type the first line again: no restart.
Ctrl-C drains and leaves nothing behind.
`;

const AGENT_ENVIRONMENT = {
  POD_NAME: 'productpage-v1-0',
  POD_NAMESPACE: 'default',
  INSTANCE_IP: '127.0.0.1',
  ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({ scrape: 'true', port: '9080', path: '/metrics' }),
  ISTIO_KUBE_APP_PROBERS: JSON.stringify({
    '/app-health/productpage/readyz': { httpGet: { path: '/healthz', port: 9080 }, timeoutSeconds: 1 },
  }),
};

const ended = new AbortController();
let agent;
let lastSignal = 0;

/** The first signal asks the agent to drain, a second one to end at once; before there is an agent it ends the script. */
function onSignal(signal) {
  const repeated = Date.now() - lastSignal < SAME_PRESS_MS;
  if (repeated) return;
  const first = lastSignal === 0;
  lastSignal = Date.now();
  ended.abort(signal);
  if (agent === undefined) return;
  if (first) console.log('\nDraining; Ctrl-C again ends at once.');
  agent.kill(signal === 'SIGINT' ? 'SIGINT' : 'SIGTERM'); // a terminal that closes is an end too
}

async function main() {
  // From last to first: what has been opened, and what closes it.
  const open = [];
  try {
    const { ensureEnvoy } = await loadTs('src/envoy/ensure.ts');
    const { signal } = ended;
    await ensureEnvoy({ env: process.env, stream: process.stdout, signal, anywhere: true });
    await build();
    await requireFree(LISTENERS);

    const { makeFolderFor } = await loadTs('src/platform/folders.ts');
    const { mirrorFolder } = await loadTs('src/platform/mirror.ts');
    const isRoot = process.getuid() === 0;
    const folder = await makeFolderFor(
      isRoot ? PROXY_USER : { uid: process.getuid(), gid: process.getgid() },
    );
    open.unshift(() => rm(folder, { recursive: true, force: true }));
    // Envoy follows a copy, for two reasons: as UID 1337 it may not be able to read this checkout, and it takes up a file
    // only when it was renamed into place, which not every editor does.
    const xds = join(folder, 'xds');
    const mirror = await mirrorFolder(join(root, 'examples/productpage'), xds, (error) =>
      console.error(error.message),
    );
    open.unshift(() => mirror.close());
    const application = await startApplication();
    open.unshift(() => application.close());

    if (signal.aborted) return 128 + constants.signals[signal.reason];
    const exit = runAgent(folder, ['--localConfig', xds, '--configPath', join(folder, 'proxy')]);
    await Promise.race([exit, announce(signal)]);
    return await exit;
  } catch (error) {
    if (ended.signal.aborted) return 128 + constants.signals[ended.signal.reason];
    console.error(`Error: ${error.message}`);
    return 1;
  } finally {
    for (const close of open) await close();
  }
}

/** Runs the agent in a session of its own, so that a Ctrl-C comes to it from here and once. Resolves to its exit code. */
function runAgent(folder, args) {
  const command = [join(root, 'dist/pilot-agent.cjs'), 'proxy', 'sidecar', '--statusPort', `${READY.port}`];
  const identity = ['--serviceCluster', 'productpage.default', '--concurrency', '2'];
  agent = spawn(process.execPath, [...command, ...identity, ...args, ...process.argv.slice(2)], {
    cwd: folder, // one that UID 1337 can enter
    env: { ...process.env, ...AGENT_ENVIRONMENT },
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    agent.on('error', reject);
    agent.on('exit', (code, signal) => {
      ended.abort();
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Waits until the agent says that it is ready, and prints what there is to see; says so when that takes long. */
async function announce(signal) {
  const from = Date.now();
  let said = false;
  while (!signal.aborted) {
    const answer = await ask(READY, signal);
    if (signal.aborted) return;
    if (answer.status === 200) {
      console.log(BANNER);
      return;
    }
    if (!said && Date.now() - from > SAY_WHY_MS) {
      console.error(`Not ready yet: ${answer.text.trim()}`);
      said = true;
    }
    await delay(100, undefined, { signal }).catch(() => {});
  }
}

function ask({ port, path }, ended) {
  const signal = AbortSignal.any([ended, AbortSignal.timeout(2_000)]);
  return new Promise((resolve) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false, signal });
    call.on('error', (error) => resolve({ status: 0, text: error.message }));
    call.on('response', async (response) => {
      let text = '';
      response.on('error', () => {});
      response.on('data', (data) => {
        text += data;
      });
      response.on('close', () => resolve({ status: response.statusCode, text }));
    });
    call.end();
  });
}

/** Envoy would only log that it cannot bind an xDS listener, and never become ready. */
async function requireFree(listeners) {
  for (const [name, port] of Object.entries(listeners)) {
    const server = createServer();
    await new Promise((resolve, reject) => {
      server.once('error', ({ code, message }) => {
        const why = code === 'EADDRINUSE' ? 'it is already in use' : message;
        reject(
          new Error(
            `the ${name} listener cannot have 127.0.0.1:${port}: ${why}; free it, or choose another in examples/productpage`,
          ),
        );
      });
      server.listen(port, '127.0.0.1', () => server.close(resolve));
    });
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
process.exitCode = await main();
