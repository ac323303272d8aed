import { mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Closable } from '../../src/platform/closable.ts';
import { copyFolder, mirrorFolder } from '../../src/platform/mirror.ts';
import { privateFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const text = (...path: string[]) => readFile(join(...path), 'utf8');

describe('copyFolder', () => {
  it('copies files and what links point to, not folders and not names with a dot', async () => {
    const from = await privateFolder();
    await mkdir(join(from, '..data'));
    await writeFile(join(from, '..data', 'cds.yaml'), 'clusters');
    await symlink('..data/cds.yaml', join(from, 'cds.yaml')); // as Kubernetes mounts a ConfigMap
    await writeFile(join(from, 'lds.yaml'), 'listeners', { mode: 0o600 });
    await writeFile(join(from, '.lds.yaml.swp'), 'editor');
    const to = join(await privateFolder(), 'copy');
    await copyFolder(from, to);
    expect((await readdir(to)).sort()).toEqual(['cds.yaml', 'lds.yaml']);
    expect(await text(to, 'cds.yaml')).toBe('clusters');
    expect((await stat(join(to, 'lds.yaml'))).mode & 0o777).toBe(0o644);
  });

  it('leaves files alone that are the same, and removes what is gone', async () => {
    const [from, to] = [await privateFolder(), await privateFolder()];
    await writeFile(join(from, 'same'), 'x');
    await writeFile(join(from, 'other'), 'y');
    await copyFolder(from, to);
    const { ino } = await stat(join(to, 'same'));
    await rm(join(from, 'other'));
    await copyFolder(from, to);
    expect((await stat(join(to, 'same'))).ino).toBe(ino);
    expect(await readdir(to)).toEqual(['same']);
  });
});

describe('mirrorFolder', () => {
  let mirror: Closable | undefined;
  afterEach(() => mirror?.close());

  it('follows edits in place and by rename, always with a rename', async () => {
    const [from, to] = [await privateFolder(), await privateFolder()];
    await writeFile(join(from, 'lds.yaml'), 'one');
    mirror = await mirrorFolder(from, to, (error) => expect.unreachable(error.message));
    const first = (await stat(join(to, 'lds.yaml'))).ino;

    await writeFile(join(from, 'lds.yaml'), 'two');
    await until('the edit in place has come', async () => (await text(to, 'lds.yaml')) === 'two');
    expect((await stat(join(to, 'lds.yaml'))).ino).not.toBe(first);

    await writeFile(join(from, 'new'), 'three');
    await rename(join(from, 'new'), join(from, 'lds.yaml'));
    await until('the renamed file has come', async () => (await text(to, 'lds.yaml')) === 'three');
    expect(await readdir(to)).toEqual(['lds.yaml']);
  });

  it('tells of a copy that failed, and makes the next one', async () => {
    const [from, to] = [await privateFolder(), await privateFolder()];
    await writeFile(join(from, 'a'), '1');
    const errors: Error[] = [];
    mirror = await mirrorFolder(from, to, (error) => errors.push(error));
    await rm(join(to, 'a'));
    await mkdir(join(to, 'a'));
    await writeFile(join(from, 'a'), '2');
    await until('the error is told', () => errors.length > 0);
    await rm(join(to, 'a'), { recursive: true });
    await writeFile(join(from, 'a'), '3');
    await until('the next copy is made', async () => (await text(to, 'a')) === '3');
  });

  it('follows nothing after it was closed, and closes twice', async () => {
    const [from, to, other] = [await privateFolder(), await privateFolder(), await privateFolder()];
    await writeFile(join(from, 'a'), '1');
    const closed = await mirrorFolder(from, to, () => {});
    await closed.close();
    await closed.close();
    mirror = await mirrorFolder(from, other, () => {});
    await writeFile(join(from, 'a'), '2');
    await until('the open one has the edit', async () => (await text(other, 'a')) === '2');
    expect(await text(to, 'a')).toBe('1');
  });

  it('fails at once for a folder that is not there', async () => {
    const top = await privateFolder();
    await expect(mirrorFolder(join(top, 'absent'), top, () => {})).rejects.toThrow('ENOENT');
  });
});
