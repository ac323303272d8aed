import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { EnvironmentError } from '../platform/errors.ts';

/**
 * Runs this command again, in another network namespace. Its last word takes the wish for one back.
 * @returns the exit code
 * @throws EnvironmentError without nsenter
 */
export async function runInNamespace(path: string): Promise<number> {
  const again = [process.execPath, ...process.argv.slice(1), '--network-namespace='];
  const child = spawn('nsenter', [`--net=${path}`, '--', ...again], { stdio: 'inherit' });
  try {
    const [code] = await once(child, 'exit');
    return typeof code === 'number' ? code : 1;
  } catch (thrown) {
    throw new EnvironmentError('--network-namespace needs the program nsenter: install util-linux', {
      cause: thrown,
    });
  }
}
