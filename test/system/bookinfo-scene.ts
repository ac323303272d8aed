import { readdirSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { startMachine } from '../support/machine.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/bookinfo.mjs', import.meta.url));

/** `npm run bookinfo` on a machine of its own. */
export async function startScene() {
  const machine = await startMachine();
  const folder = await tempFolder();
  const namespaces = async () =>
    (await machine.run('ip', 'netns', 'list'))
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ')[0])
      .sort();
  const pids = () => pidsUnder(folder);
  return {
    machine,
    namespaces,
    pids,
    start: (...args: string[]) =>
      startChild(machine.enter(process.execPath, SCRIPT, ...args), {
        env: { PATH: process.env['PATH'] ?? '', TMPDIR: folder },
      }),
    nothingIsLeft: async () => {
      expect(await namespaces()).toEqual([]);
      expect(await machine.run('ip', '-br', 'link')).not.toContain('bookinfo');
      expect(await readdir(folder)).toEqual([]);
      expect(pids()).toEqual([]);
    },
  };
}

/** Waits until it says so. */
export async function isReady(runner: Child): Promise<void> {
  let ended = false;
  void runner.exited.then(() => {
    ended = true;
  });
  await until(
    'the runner has ended, or Bookinfo is ready',
    () => ended || runner.output().includes('is ready'),
    50_000,
  ).catch((error) => {
    throw new Error(runner.output(), { cause: error });
  });
  expect(runner.output()).toContain('Bookinfo is ready');
}

/** Everything that the runner starts works in its folder. */
function pidsUnder(folder: string): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
      } catch {
        return false;
      }
    });
}
