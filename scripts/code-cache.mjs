// Makes V8's code cache of the bundle: starts the agent for real over an Envoy that only sleeps, answers for that Envoy until
// the agent is ready, and writes down what V8 has compiled by then. Run by scripts/build.mjs, in a process of its own.
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, open, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './load-ts.mjs';

const DEADLINE_MS = 10_000;

/**
 * @param dist the folder of the bundles, that of cmd/record-code.ts among them
 * @returns whether there is a cache now; without one the agent starts as well, more slowly
 */
export async function makeCodeCache(dist) {
  const folder = await mkdtemp(join(tmpdir(), 'pilot-agent-cache-'));
  const target = join(dist, 'pilot-agent.proxy.cache');
  await rm(target, { force: true });
  try {
    await chmod(folder, 0o777); // the agent gives up root
    const xds = join(folder, 'xds');
    await mkdir(xds);
    for (const name of ['cds.yaml', 'lds.yaml']) await writeFile(join(xds, name), '{"resources":[]}');
    await chmod(xds, 0o755);
    const envoy = join(folder, 'envoy');
    await writeFile(envoy, '#!/bin/sh\nexec sleep 5\n', { mode: 0o755 });
    const [admin, status, metrics, envoyStatus] = await freePorts(4);
    const flags = {
      localConfig: xds,
      configPath: join(folder, 'proxy'),
      binaryPath: envoy,
      proxyAdminPort: admin,
      statusPort: status,
      prometheusPort: metrics,
      'base-id': 1 + Math.floor(Math.random() * 100_000_000),
      concurrency: 1,
    };
    const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)]);
    // Opened here, for afterwards the process is no longer root.
    const file = await open(`${target}.new`, 'w');
    const env = { PATH: process.env.PATH, TMPDIR: folder, ENVOY_STATUS_PORT: String(envoyStatus) };
    const code = await run([join(dist, 'record-code.cjs'), 'proxy', 'sidecar', ...args], env, file.fd);
    await file.close();
    if (code !== 0) {
      await rm(`${target}.new`, { force: true });
      return false;
    }
    await rename(`${target}.new`, target);
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(args, env, fd) {
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'ignore', fd] });
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}

/** Held all at once, so that none comes twice. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
