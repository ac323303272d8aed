import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { millis } from '../../src/platform/duration.ts';
import { watchFolder } from '../../src/platform/folder-watch.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

async function watched(folder: string, interval = 60_000) {
  let changes = 0;
  const errors: Error[] = [];
  const watch = watchFolder({
    folder,
    onChange: () => {
      changes += 1;
    },
    onError: (error) => errors.push(error),
    debounce: millis(10),
    interval: millis(interval),
  });
  onTestFinished(() => watch.close());
  await watch.ready;
  const sees = async (what: string, act: () => Promise<unknown>) => {
    const before = changes;
    await act();
    await until(what, () => changes > before);
  };
  return { sees, errors, changes: () => changes };
}

it('tells of files that come, are edited, are renamed into place and go, in folders too', async () => {
  const folder = await tempFolder();
  const { sees, errors } = await watched(folder);
  const file = join(folder, 'a.yaml');
  await sees('a new file', () => writeFile(file, 'a'));
  await sees('an edit in place', () => appendFile(file, 'b'));
  await sees('a rename', async () => {
    await writeFile(join(folder, '.a.new'), 'c');
    await rename(join(folder, '.a.new'), file);
  });
  await sees('a new folder', () => mkdir(join(folder, 'sub')));
  await sees('a file in it', () => writeFile(join(folder, 'sub', 'b.yaml'), 'a'));
  await sees('its end', () => rm(join(folder, 'sub'), { recursive: true }));
  await sees('the end of a file', () => rm(file));
  expect(errors).toEqual([]);
});

it('sees without an event that a link leads elsewhere', async () => {
  const [folder, elsewhere] = [await tempFolder(), await tempFolder()];
  await writeFile(join(elsewhere, 'a.yaml'), 'a');
  await symlink(join(elsewhere, 'a.yaml'), join(folder, 'a.yaml'));
  const { sees } = await watched(folder, 50);
  await sees('a change behind the link', () => writeFile(join(elsewhere, 'a.yaml'), 'longer'));
});

it('complains once of a folder that is not there, and sees it come', async () => {
  const folder = join(await tempFolder(), 'later');
  const { sees, errors } = await watched(folder, 50);
  await sees('the folder', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'a.yaml'), 'a');
  });
  expect(errors).toHaveLength(1);
});
