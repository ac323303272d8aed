import { execa } from 'execa';
import { EnvironmentError } from '../platform/errors.ts';

/**
 * Runs this command again, in another network namespace. Its last word takes the wish for one back.
 * @returns the exit code
 * @throws EnvironmentError without nsenter
 */
export async function runInNamespace(path: string): Promise<number> {
  const again = [process.execPath, ...process.argv.slice(1), '--network-namespace='];
  const { exitCode, code } = await execa('nsenter', [`--net=${path}`, '--', ...again], {
    stdio: 'inherit',
    reject: false,
  });
  if (code === 'ENOENT')
    throw new EnvironmentError('--network-namespace needs the program nsenter: install util-linux');
  return exitCode ?? 1;
}
