import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEnvoy } from '../../src/envoy/binary.ts';

/**
 * What the real Envoy says of a bootstrap: undefined when it accepts it, else its complaint. Files that the bootstrap names
 * must exist; relative ones are looked for in `cwd`. Nothing is bound.
 */
export async function envoyComplaint(bootstrap: unknown, cwd?: string): Promise<string | undefined> {
  const envoy = await findEnvoy(process.env);
  if (envoy === undefined) throw new Error('these tests need Envoy: run `npm run envoy`');
  const folder = await mkdtemp(join(tmpdir(), 'validate-'));
  try {
    const path = join(folder, 'bootstrap.json');
    await writeFile(path, JSON.stringify(bootstrap));
    // A file and no pipe of Node's: those are sockets, and a bootstrap that names /dev/stdout could not open them.
    const log = await open(join(folder, 'log'), 'w');
    try {
      const args = ['-c', path, '--mode', 'validate', '-l', 'warning', '--skip-deprecated-logs'];
      const child = spawn(envoy, args, {
        cwd: cwd ?? folder,
        stdio: ['ignore', log.fd, log.fd],
        timeout: 10_000,
      });
      const [code, signal] = await once(child, 'exit');
      return code === 0 ? undefined : `${code ?? signal}: ${await readFile(join(folder, 'log'), 'utf8')}`;
    } finally {
      await log.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}
