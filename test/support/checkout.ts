import { chmod, cp, realpath, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SOURCES = ['package.json', 'package-lock.json', 'cmd', 'src', 'scripts', 'examples', 'docs'];

/** Copies this checkout, without what is built, to a folder that only its owner can read; the modules are not copied. */
export async function privateCheckout(to: string): Promise<void> {
  for (const name of SOURCES) await cp(join(root, name), join(to, name), { recursive: true });
  await symlink(await realpath(join(root, 'node_modules')), join(to, 'node_modules'));
  await chmod(to, 0o700);
}

/** The same for another user: everything is theirs, modules too. */
export async function checkoutOf(uid: number, gid: number, to: string): Promise<void> {
  await privateCheckout(to);
  const modules = join(to, 'node_modules');
  const ours = await realpath(modules);
  await rm(modules);
  // Links where the file system allows it, as there are thousands of files.
  await execa('cp', ['-al', ours, modules]).catch(() => execa('cp', ['-a', ours, modules]));
  await execa('chown', ['-R', '--no-dereference', `${uid}:${gid}`, ...SOURCES, '.'], { cwd: to });
}
