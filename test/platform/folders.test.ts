import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentError } from '../../src/platform/errors.ts';
import { makeFolderFor, prepareFolder } from '../../src/platform/folders.ts';
import { currentUser } from '../../src/platform/users.ts';
import { privateFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';

const proxy = { uid: 1337, gid: 1337 };

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(EnvironmentError);
  return (error as EnvironmentError).message;
}

describe('prepareFolder', () => {
  it('creates a folder and its parents with mode 0755, whatever the umask', async () => {
    const top = await privateFolder();
    const before = process.umask(0o077);
    try {
      await prepareFolder(join(top, 'a', 'b'), currentUser(), '--configPath');
    } finally {
      process.umask(before);
    }
    for (const path of ['a', 'a/b']) expect((await stat(join(top, path))).mode & 0o777).toBe(0o755);
  });

  it('is content with a folder that is there', async () => {
    const top = await privateFolder();
    await prepareFolder(top, currentUser(), '--configPath');
    expect((await stat(top)).mode & 0o777).toBe(0o700);
  });

  it('names path, flag and remedy when a part of the path is a file', async () => {
    const top = await privateFolder();
    await writeFile(join(top, 'file'), '');
    const text = await refusal(prepareFolder(join(top, 'file', 'proxy'), currentUser(), '--configPath'));
    expect(text).toMatch(
      /cannot create the folder .*\/file\/proxy \(--configPath\): a part of it is a file; pass/,
    );
  });

  describe.runIf(isRoot)('as root, for user 1337', () => {
    it('gives it what it creates, and only that', async () => {
      const top = await privateFolder();
      await chmod(top, 0o755);
      await prepareFolder(join(top, 'a', 'b'), proxy, '--configPath');
      expect(await stat(join(top, 'a', 'b'))).toMatchObject(proxy);
      expect(await stat(join(top, 'a'))).toMatchObject(proxy);
      expect(await stat(top)).toMatchObject({ uid: 0, gid: 0 });
    });

    it('refuses a folder of root, and leaves it alone', async () => {
      const top = await privateFolder();
      await chmod(top, 0o755);
      expect(await refusal(prepareFolder(top, proxy, '--configPath'))).toBe(
        `user 1337 may not write in the folder ${top} (--configPath); ` +
          `give it to that user (chown 1337:1337 ${top}) or pass --configPath with another folder`,
      );
      expect(await stat(top)).toMatchObject({ uid: 0, gid: 0 });
    });

    it('leaves nothing where the user cannot come', async () => {
      const top = await privateFolder();
      expect(await refusal(prepareFolder(join(top, 'a', 'b'), proxy, '--configPath'))).toBe(
        `user 1337 cannot reach the folder ${join(top, 'a', 'b')} (--configPath): one above it is closed to that ` +
          'user; pass --configPath with a folder that user 1337 can reach',
      );
      expect(await readdir(top)).toEqual([]);
    });
  });
});

describe('makeFolderFor', () => {
  it('makes a private folder of the user in the first parent that allows it', async () => {
    const [shut, open] = [await privateFolder(), await privateFolder()];
    await chmod(open, 0o1777);
    const folder = await makeFolderFor(isRoot ? proxy : currentUser(), [join(shut, 'absent'), open]);
    const info = await stat(folder);
    expect(folder.startsWith(`${open}/pilot-agent-`)).toBe(true);
    expect(info.mode & 0o777).toBe(0o700);
    expect(info.uid).toBe(isRoot ? 1337 : currentUser().uid);
  });

  it('says of every parent why not', async () => {
    const top = await privateFolder();
    const text = await refusal(makeFolderFor(currentUser(), [join(top, 'x'), join(top, 'y')]));
    expect(text).toMatch(/no place for files that user \d+ needs \(.*\/x: .*; .*\/y: .*\); set TMPDIR/);
  });

  it.runIf(isRoot)('passes by a file system where no program may run', async () => {
    const [top, good] = [await privateFolder(), await privateFolder()];
    await chmod(top, 0o755);
    await chmod(good, 0o1777);
    const mounted = join(top, 'noexec');
    await mkdir(mounted);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'noexec,mode=1777', 'none', mounted]).status).toBe(0);
    try {
      expect((await makeFolderFor(proxy, [mounted, good])).startsWith(good)).toBe(true);
    } finally {
      spawnSync('umount', [mounted]);
    }
  });
});
