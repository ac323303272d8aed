import { spawnSync } from 'node:child_process';
import { constants } from 'node:fs';
import { chmod, chown, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canReach, currentUser, permits } from '../../src/platform/users.ts';
import { bundleFixture } from '../support/fixture.ts';
import { privateFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';

const proxy = { uid: 1337, gid: 1337 };
const nobody = { uid: 65534, gid: 65534 };
const { R_OK, W_OK, X_OK } = constants;

describe('permits', () => {
  it.each([
    ['the owner by the owner bits', { uid: 1337, gid: 0, mode: 0o500 }, R_OK | X_OK, true],
    ['the owner not by the others', { uid: 1337, gid: 0, mode: 0o007 }, R_OK, false],
    ['the group by the group bits', { uid: 0, gid: 1337, mode: 0o750 }, R_OK | X_OK, true],
    ['the group not by the others', { uid: 0, gid: 1337, mode: 0o707 }, R_OK, false],
    ['others by the last bits', { uid: 0, gid: 0, mode: 0o711 }, X_OK, true],
    ['others not to write', { uid: 0, gid: 0, mode: 0o755 }, W_OK, false],
    ['only all of what is asked', { uid: 0, gid: 0, mode: 0o744 }, R_OK | X_OK, false],
  ])('%s', (_what, info, mode, expected) => {
    expect(permits(info, proxy, mode)).toBe(expected);
  });

  it('lets root do anything but run what nobody can run', () => {
    const root = { uid: 0, gid: 0 };
    expect(permits({ uid: 1, gid: 1, mode: 0o000 }, root, R_OK | W_OK)).toBe(true);
    expect(permits({ uid: 1, gid: 1, mode: 0o644 }, root, X_OK)).toBe(false);
    expect(permits({ uid: 1, gid: 1, mode: 0o100 }, root, X_OK)).toBe(true);
  });
});

describe('canReach', () => {
  it('is false for what is not there, and for a path through a file', async () => {
    const folder = await privateFolder();
    await writeFile(join(folder, 'file'), '');
    for (const user of [currentUser(), proxy]) {
      expect(await canReach(join(folder, 'absent'), user, R_OK)).toBe(false);
      expect(await canReach(join(folder, 'file', 'below'), user, R_OK)).toBe(false);
    }
  });

  it('is false for symbolic links in a circle', async () => {
    const folder = await privateFolder();
    await symlink('b', join(folder, 'a'));
    await symlink('a', join(folder, 'b'));
    await chmod(folder, 0o755);
    expect(await canReach(join(folder, 'a'), proxy, R_OK)).toBe(false);
  });

  it.runIf(isRoot)('agrees with the kernel on any tree of folders, links and modes', async () => {
    const modes = fc.constantFrom(0o000, 0o400, 0o700, 0o710, 0o711, 0o740, 0o755, 0o077, 0o070, 0o007);
    const owners = fc.constantFrom(0, 1337);
    const node = fc.record({ mode: modes, uid: owners, gid: owners });
    const link = fc.constantFrom(undefined, 'relative', 'absolute', 'dotted');
    const asked = fc.constantFrom(
      { mode: R_OK, flag: '-r' },
      { mode: W_OK, flag: '-w' },
      { mode: X_OK, flag: '-x' },
    );
    await fc.assert(
      fc.asyncProperty(node, node, node, link, asked, async (outer, inner, leaf, via, ask) => {
        const top = await privateFolder();
        await chmod(top, 0o755);
        const [a, b] = [join(top, 'a'), join(top, 'a', 'b')];
        await mkdir(b, { recursive: true });
        await writeFile(join(b, 'file'), '');
        const target = { relative: 'a/b', absolute: b, dotted: 'a/b/../b/.' };
        if (via !== undefined) await symlink(target[via], join(top, 'link'));
        for (const [path, { mode, uid, gid }] of [
          [join(b, 'file'), leaf],
          [b, inner],
          [a, outer],
        ] as const) {
          await chown(path, uid, gid);
          await chmod(path, mode);
        }
        const path = join(via === undefined ? b : join(top, 'link'), 'file');
        const kernel = spawnSync('test', [ask.flag, path], proxy).status === 0;
        expect(await canReach(path, proxy, ask.mode)).toBe(kernel);
      }),
      { numRuns: 150 },
    );
  });
});

describe.runIf(isRoot)('becomeUser', () => {
  let program: Awaited<ReturnType<typeof bundleFixture>>;
  beforeAll(async () => {
    program = await bundleFixture('test/platform/fixtures/become-user.ts');
  });
  afterAll(() => program.remove());

  const run = (args: string[], options: { uid?: number; gid?: number } = {}) =>
    spawnSync(process.execPath, [program.path, ...args], { encoding: 'utf8', input: 'x', ...options });

  it('gives up root for good: all ids, all groups, HOME', () => {
    const { stdout } = run(['1337', '1337']);
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({
      ids: [1337, 1337, 1337, 1337],
      groups: [1337],
      home: '/',
      shadow: 'EACCES',
      rootAgain: 'EPERM',
    });
  });

  it('says what to do where the kernel refuses', async () => {
    await chmod(join(program.path, '..'), 0o755);
    const { status, stderr } = run(['1337', '1337'], nobody);
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/cannot become user 1337:1337: .*not permitted.*--proxy-uid/);
  });

  it('leaves standard output open for children that open it again, when it is a pipe of root', () => {
    const pipe = `'${process.execPath}' '${program.path}' 1337 1337 | cat`;
    const { stdout } = spawnSync('sh', ['-c', pipe], { encoding: 'utf8' });
    expect(stdout).toMatch(/\nagain\n$/);
  });

  it('leaves a file of root as it is', async () => {
    const file = join(await privateFolder(), 'log');
    spawnSync('sh', ['-c', `'${process.execPath}' '${program.path}' 1337 1337 > '${file}' 2> '${file}.err'`]);
    expect((await stat(file)).uid).toBe(0);
  });
});
