import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stageForUser } from '../../src/platform/staging.ts';
import { currentUser } from '../../src/platform/users.ts';
import { bundleFixture } from '../support/fixture.ts';
import { privateFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';

const proxy = { uid: 1337, gid: 1337 };

/** A folder that only its owner can enter, with a program and xDS files in it, as root's cache and checkout are. */
async function privateCheckout(): Promise<{ binary: string; localConfig: string }> {
  const top = await privateFolder();
  const [binary, localConfig] = [join(top, 'envoy'), join(top, 'xds')];
  await writeFile(binary, '#!/bin/sh\necho served\n', { mode: 0o755 });
  await mkdir(localConfig);
  await writeFile(join(localConfig, 'cds.yaml'), 'clusters');
  await writeFile(join(localConfig, 'lds.yaml'), 'listeners');
  return { binary, localConfig };
}

describe('what the user can reach already', () => {
  it('stays where it is', async () => {
    const paths = await privateCheckout();
    const staged = await stageForUser({ ...paths, user: currentUser() });
    expect(staged).toMatchObject({ ...paths, folder: undefined, warnings: [] });
    await staged.close();
    expect(await readFile(join(paths.localConfig, 'lds.yaml'), 'utf8')).toBe('listeners');
  });

  it('includes a folder that is not there: whoever asked for it says so better', async () => {
    const { binary } = await privateCheckout();
    const localConfig = join(await privateFolder(), 'absent');
    expect((await stageForUser({ binary, localConfig, user: currentUser() })).localConfig).toBe(localConfig);
  });
});

describe.runIf(isRoot)('what only root can reach', () => {
  let program: Awaited<ReturnType<typeof bundleFixture>>;
  beforeAll(async () => {
    program = await bundleFixture('test/platform/fixtures/stage.ts');
  });
  afterAll(() => program.remove());

  it('works for user 1337, who also removes it', async () => {
    const { binary, localConfig } = await privateCheckout();
    const { stdout, stderr } = spawnSync(process.execPath, [program.path, binary, localConfig], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ says: 'served\n', files: ['cds.yaml', 'lds.yaml'], left: false });
  });

  it('is linked where modes allow it, copied where they do not, with a warning for the configuration', async () => {
    const paths = await privateCheckout();
    const linked = await stageForUser({ ...paths, user: proxy });
    expect((await stat(linked.binary)).ino).toBe((await stat(paths.binary)).ino);
    expect(linked.warnings).toEqual([
      expect.stringContaining(`cannot read ${paths.localConfig} (--localConfig)`),
    ]);
    await linked.close();

    await chmod(paths.binary, 0o700);
    const copied = await stageForUser({ ...paths, localConfig: undefined, user: proxy });
    expect(await stat(copied.binary)).toMatchObject({ uid: 0, nlink: 1, mode: 0o100755 });
    expect(copied.warnings).toEqual([]);
    await copied.close();
    expect(await stat(paths.binary)).toMatchObject({ nlink: 1, mode: 0o100700 });
  });

  it('is staged as the file, not as the symbolic link that leads to it', async () => {
    const { binary } = await privateCheckout();
    const name = join(await privateFolder(), 'envoy');
    await symlink(binary, name);
    const staged = await stageForUser({ binary: name, localConfig: undefined, user: proxy });
    expect((await stat(staged.binary)).ino).toBe((await stat(binary)).ino);
    await staged.close();
  });

  it('leaves nothing when it fails half-way', async () => {
    const paths = await privateCheckout();
    const parent = await privateFolder();
    await chmod(parent, 0o1777);
    await rm(paths.binary);
    await expect(stageForUser({ ...paths, user: proxy, parents: [parent] })).rejects.toThrow(
      /cannot put what user 1337 needs in .*: ENOENT.*; install Envoy/,
    );
    expect(await readdir(parent)).toEqual([]);
  });
});
