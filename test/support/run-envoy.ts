import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type EnvoyAdmin, envoyAdmin } from '../../src/envoy/admin.ts';
import { findEnvoy } from '../../src/envoy/binary.ts';
import type { Closable } from '../../src/platform/closable.ts';
import { until } from './until.ts';

export interface RunningEnvoy extends Closable {
  readonly admin: EnvoyAdmin;
  log(): Promise<string>;
}

/** Starts the real Envoy over a bootstrap whose admin port is 0; it answers on `admin` when this returns. */
export async function runEnvoy(folder: string, bootstrap: unknown): Promise<RunningEnvoy> {
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('these tests need Envoy: run `npm run envoy`');
  const file = (name: string) => join(folder, name);
  await writeFile(file('run.json'), JSON.stringify(bootstrap));
  const log = await open(file('envoy.log'), 'w');
  const args = ['-c', file('run.json'), '--admin-address-path', file('admin'), '--disable-hot-restart'];
  const child = spawn(envoy, [...args, '-l', 'warning', '--skip-deprecated-logs', '--concurrency', '1'], {
    cwd: folder,
    stdio: ['ignore', log.fd, log.fd],
  });
  const exited = once(child, 'exit');
  const text = () => readFile(file('envoy.log'), 'utf8');
  const close = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
    await log.close();
  };
  try {
    const address = await until('Envoy has an admin address', async () => {
      if (child.exitCode !== null) return 'ended';
      return readFile(file('admin'), 'utf8').catch(() => undefined);
    });
    if (address === 'ended') throw new Error(`Envoy ended: ${await text()}`);
    const [host = '', port = ''] = address.split(/:(?=\d+$)/);
    return { admin: envoyAdmin(host, Number(port)), log: text, close };
  } catch (error) {
    await close();
    throw error;
  }
}
