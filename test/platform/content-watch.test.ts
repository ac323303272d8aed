import { type ChildProcessByStdio, spawn } from 'node:child_process';
import {
  appendFile,
  mkdir,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ContentWatchOptions, watchContents } from '../../src/platform/content-watch.ts';
import { millis } from '../../src/platform/duration.ts';
import { bundleFixture } from '../support/fixture.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

/** A watch that writes down what it is told. The slow look is so slow that only events count, unless a test says otherwise. */
async function watching(
  files: readonly string[] | (() => readonly string[]),
  options: Partial<ContentWatchOptions> = {},
) {
  const changes: (readonly string[])[] = [];
  const errors: string[] = [];
  const watch = watchContents({
    files: typeof files === 'function' ? files : () => files,
    onChange: (changed) => changes.push(changed),
    onError: (error) => errors.push(error.message),
    debounce: millis(20),
    interval: millis(3_600_000),
    ...options,
  });
  onTestFinished(() => watch.close());
  await watch.ready;
  return {
    watch,
    changes,
    errors,
    /** Waits for the next change, makes sure that it is the only one, and forgets it. */
    next: async () => {
      const [first] = await until('a change is seen', () => changes.length > 0 && changes);
      changes.length = 0;
      return first;
    },
    /** Makes a change that is seen for sure: whatever was to be seen before it has been, then. */
    nothingBefore: async (file: string) => {
      await appendFile(file, 'more');
      await until('the last change is seen', () => changes.length > 0);
      return changes.length === 1 && changes[0]?.length === 1 && changes[0][0] === file;
    },
  };
}

/** A volume as the kubelet makes it: files are links into `..data`, which is a link to a folder that is replaced as a whole. */
async function kubernetesVolume(content: Readonly<Record<string, string>>) {
  const folder = join(await tempFolder(), 'volume');
  await mkdir(folder);
  let generation = 0;
  const swap = async (files: Readonly<Record<string, string>>) => {
    generation += 1;
    const next = `..2026_11_21_${generation}`;
    const before = await readlink(join(folder, '..data')).catch(() => undefined);
    await mkdir(join(folder, next));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, next, name), text);
    await symlink(next, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    if (before !== undefined) await rm(join(folder, before), { recursive: true });
  };
  await swap(content);
  for (const name of Object.keys(content)) await symlink(`..data/${name}`, join(folder, name));
  return { folder, swap };
}

describe('watchContents', () => {
  it.each<[string, (file: string) => Promise<void>]>([
    ['an edit in place', (file) => writeFile(file, 'two')],
    ['an edit in place of the same length', (file) => writeFile(file, 'eno')],
    ['lines that are added', (file) => appendFile(file, 'two')],
    [
      'a file renamed into place',
      async (file) => {
        await writeFile(`${file}.new`, 'two');
        await rename(`${file}.new`, file);
      },
    ],
    ['a file that is deleted', (file) => unlink(file)],
    ['a file that becomes a folder', (file) => unlink(file).then(() => mkdir(file))],
  ])('sees %s', async (_what, change) => {
    const file = join(await tempFolder(), 'mesh');
    await writeFile(file, 'one');
    const { next } = await watching([file]);
    await change(file);
    expect(await next()).toEqual([file]);
  });

  it('sees a file deleted, created again, and edited after that', async () => {
    const file = join(await tempFolder(), 'mesh');
    await writeFile(file, 'one');
    const { next } = await watching([file]);
    await unlink(file);
    await next();
    await writeFile(file, 'one');
    await next();
    await writeFile(file, 'two');
    expect(await next()).toEqual([file]);
  });

  it('takes no notice of a file that is touched, or written with what it had', async () => {
    const file = join(await tempFolder(), 'mesh');
    await writeFile(file, 'one');
    const { nothingBefore } = await watching([file]);
    await utimes(file, new Date(), new Date());
    await delay(60); // a change of its own for the debounce
    await writeFile(file, 'one');
    await delay(60);
    expect(await nothingBefore(file)).toBe(true);
  });

  it('sees a Kubernetes volume turn, again and again, and says which of its files are other ones', async () => {
    const { folder, swap } = await kubernetesVolume({ labels: 'a="1"', annotations: 'x="1"' });
    const { next, nothingBefore, changes } = await watching([
      join(folder, 'labels'),
      join(folder, 'annotations'),
    ]);
    await swap({ labels: 'a="2"', annotations: 'x="1"' });
    expect(await next()).toEqual([join(folder, 'labels')]);
    await swap({ labels: 'a="3"', annotations: 'x="2"' });
    expect(await next()).toEqual([join(folder, 'labels'), join(folder, 'annotations')]);
    await swap({ labels: 'a="3"', annotations: 'x="2"' });
    await delay(60);
    expect(changes).toEqual([]);
    expect(await nothingBefore(join(folder, 'labels'))).toBe(true);
  });

  it('follows symbolic links through other folders, also when one is turned to another file', async () => {
    const top = await tempFolder();
    for (const version of ['1', '2']) {
      await mkdir(join(top, `envoy-${version}`));
      await writeFile(join(top, `envoy-${version}`, 'envoy'), version);
    }
    await mkdir(join(top, 'bin'));
    await symlink('envoy-1', join(top, 'current'));
    await symlink('../current/envoy', join(top, 'bin', 'envoy'));
    const file = join(top, 'bin', 'envoy');
    const { next } = await watching([file]);
    await writeFile(join(top, 'envoy-1', 'envoy'), '1.1');
    await next();
    await symlink('envoy-2', join(top, 'current.new'));
    await rename(join(top, 'current.new'), join(top, 'current'));
    expect(await next()).toEqual([file]);
  });

  it('sees folders that come later, one after the other', async () => {
    const top = await tempFolder();
    const file = join(top, 'etc', 'istio', 'pod', 'labels');
    const { next } = await watching([file]);
    await mkdir(join(top, 'etc'));
    await delay(60);
    await mkdir(dirname(file), { recursive: true });
    await delay(60);
    await writeFile(file, 'app="x"');
    expect(await next()).toEqual([file]);
    await writeFile(file, 'app="y"');
    expect(await next()).toEqual([file]);
  });

  it('sees a folder that is deleted and made anew, with its files', async () => {
    const folder = join(await tempFolder(), 'config');
    const file = join(folder, 'mesh');
    await mkdir(folder);
    await writeFile(file, 'one');
    const { next } = await watching([file]);
    await rm(folder, { recursive: true });
    await next();
    await mkdir(folder);
    await writeFile(file, 'one');
    await next();
    await writeFile(file, 'two');
    expect(await next()).toEqual([file]);
  });

  it('sees by its slow look what no event tells: another folder renamed into place above', async () => {
    const top = await tempFolder();
    const file = join(top, 'a', 'b', 'mesh');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'one');
    await mkdir(join(top, 'other', 'b'), { recursive: true });
    await writeFile(join(top, 'other', 'b', 'mesh'), 'two');
    const { next } = await watching([file], { interval: millis(1_000) });
    await rename(join(top, 'a'), join(top, 'old'));
    await rename(join(top, 'other'), join(top, 'a'));
    await next();
  });

  it('gathers edits that come together into one change', async () => {
    const top = await tempFolder();
    const files = ['labels', 'annotations', 'mesh'].map((name) => join(top, name));
    for (const file of files) await writeFile(file, 'one');
    const { next, changes } = await watching(files, { debounce: millis(150) });
    for (const file of files) await writeFile(file, 'two');
    expect(await next()).toEqual(files);
    expect(changes).toEqual([]);
  });

  it('does not wait for ever for a file that is written all the time', async () => {
    const file = join(await tempFolder(), 'mesh');
    await writeFile(file, 'one');
    const { changes } = await watching([file], { debounce: millis(300), longest: millis(600) });
    let writing = true;
    const writer = (async () => {
      while (writing) {
        await appendFile(file, 'x');
        await delay(20);
      }
    })();
    await until('a change is seen meanwhile', () => changes.length > 0);
    writing = false;
    await writer;
  });

  it('watches the files that the list has now', async () => {
    const top = await tempFolder();
    const [one, two] = [join(top, 'one'), join(top, 'two')];
    for (const file of [one, two]) await writeFile(file, '1');
    let files = [one];
    const { watch, next, changes } = await watching(() => files);
    files = [two];
    watch.refresh();
    await writeFile(one, '2');
    await delay(60);
    expect(changes).toEqual([]); // neither for the one that left the list nor for the one that came
    await writeFile(two, '2');
    expect(await next()).toEqual([two]);
  });

  it('does not mind a file that is replaced by an equal one', async () => {
    const file = join(await tempFolder(), 'envoy');
    await writeFile(file, 'one');
    const { next, changes } = await watching([file]);
    await writeFile(`${file}.new`, 'one');
    await rename(`${file}.new`, file);
    await delay(60);
    expect(changes).toEqual([]);
    await writeFile(file, 'two');
    expect(await next()).toEqual([file]);
  });

  it('says nothing after it was closed, and closes twice', async () => {
    const file = join(await tempFolder(), 'mesh');
    await writeFile(file, 'one');
    const { watch, changes } = await watching([file]);
    await writeFile(file, 'two');
    await watch.close();
    await watch.close();
    const { next } = await watching([file]);
    await writeFile(file, 'three');
    await next();
    expect(changes).toEqual([]);
  });

  it('reports an error of whoever is told, and goes on', async () => {
    const file = join(await tempFolder(), 'mesh');
    await writeFile(file, 'one');
    const errors: string[] = [];
    await watching([file], {
      onChange: () => {
        throw new Error('own bug');
      },
      onError: (error) => errors.push(error.message),
    });
    await writeFile(file, 'two');
    await until('it is reported', () => errors.length === 1);
    await writeFile(file, 'three');
    await until('it is reported again', () => errors.length === 2);
  });
});

describe('a process that only watches', () => {
  it('ends by itself', async () => {
    const { run } = await fixture('idle', [await tempFolder()]);
    const [code] = await run;
    expect(code).toBe(0);
  });

  it.runIf(isRoot)('counts a file that it may not read as unchanged, and says so once', async () => {
    const top = await tempFolder();
    const [secret, open] = [join(top, 'secret'), join(top, 'open')];
    await writeFile(secret, 'one', { mode: 0o600 });
    await writeFile(open, 'one');
    const { said, child } = await fixture('as-1337', [secret, open]);
    await until('it watches', () => said().includes('ready'));
    await writeFile(secret, 'two');
    await writeFile(open, 'two');
    await until('it sees the other', () => said().some((line) => line.startsWith('changed')));
    child.kill('SIGKILL');
    expect(said().filter((line) => line.startsWith('error'))).toEqual([expect.stringContaining('EACCES')]);
    expect(said().filter((line) => line.startsWith('changed'))).toEqual([`changed ${open}`]);
  });
});

async function fixture(mode: string, files: readonly string[]) {
  const source = fileURLToPath(new URL('./fixtures/watch-contents.ts', import.meta.url));
  const { path, remove } = await bundleFixture(source);
  onTestFinished(remove);
  const child: ChildProcessByStdio<null, Readable, null> = spawn(process.execPath, [path, mode, ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  const run = new Promise<[number | null]>((resolve) => child.once('close', (code) => resolve([code])));
  return { child, run, said: () => text.split('\n') };
}
