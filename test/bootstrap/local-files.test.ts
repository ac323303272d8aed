import { watch } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findLocalFiles, watchLocalFiles } from '../../src/bootstrap/local-files.ts';
import { InputError } from '../../src/platform/errors.ts';
import { until } from '../support/until.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = (name: string) => writeFile(join(folder, name), 'resources: []\n');

describe('the files of --localConfig', () => {
  it('are YAML or JSON', async () => {
    await put('cds.json');
    await put('lds.yaml');
    expect(await findLocalFiles(folder)).toEqual({ lds: 'lds.yaml', cds: 'cds.json' });
  });
  it('that are missing are all named', async () => {
    const failed = findLocalFiles(folder);
    await expect(failed).rejects.toThrow(InputError);
    await expect(failed).rejects.toThrow(/2 errors.*no lds\.yaml.*no cds\.yaml/s);
  });
  it('in a folder that is none say so', async () => {
    await expect(findLocalFiles(join(folder, 'x'))).rejects.toThrow(/--localConfig .*cannot be read/);
  });
});

describe('an edit in place', () => {
  it('becomes a rename, which Envoy sees, and leaves nothing behind', async () => {
    await put('lds.yaml');
    await put('cds.yaml');
    await put('notes');
    const errors: Error[] = [];
    const seen: (string | null)[] = [];
    const spy = watch(folder, (event, name) => {
      if (event === 'rename') seen.push(name);
    });
    const watcher = watchLocalFiles({
      folder,
      files: { lds: 'lds.yaml', cds: 'cds.yaml' },
      onError: (error) => errors.push(error),
    });
    try {
      await appendFile(join(folder, 'lds.yaml'), '# edited\n');
      await until('a rename', () => seen.includes('.envoy-reload'));
      await until('the folder is clean', async () => (await readdir(folder)).length === 3);
      expect(errors).toEqual([]);
    } finally {
      await watcher.close();
      spy.close();
    }
  });
  it('that cannot be passed on says what to do', async () => {
    await put('lds.yaml');
    await put('cds.yaml');
    await mkdir(join(folder, '.envoy-reload.tmp')); // in the way
    const errors: Error[] = [];
    const watcher = watchLocalFiles({
      folder,
      files: { lds: 'lds.yaml', cds: 'cds.yaml' },
      onError: (error) => errors.push(error),
    });
    try {
      await appendFile(join(folder, 'lds.yaml'), '# edited\n');
      const error = await until('an error', () => errors[0]);
      expect(error.message).toMatch(/edited in place.*rename files into place/);
    } finally {
      await watcher.close();
    }
  });
  it('in a folder that has gone is an error and no more', async () => {
    const errors: Error[] = [];
    const gone = { folder: join(folder, 'gone'), files: { lds: 'lds.yaml', cds: 'cds.yaml' } };
    const watcher = watchLocalFiles({ ...gone, onError: (error) => errors.push(error) });
    expect(errors).toHaveLength(1);
    await watcher.close();
  });
});
