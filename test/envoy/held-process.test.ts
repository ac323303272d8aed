import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { starterOf, startHeldEnvoy } from '../../src/envoy/held-process.ts';
import type { EnvoyProcess } from '../../src/envoy/process.ts';
import { childrenOf, processIdentity } from '../../src/platform/processes.ts';
import { bundleFixture } from '../support/fixture.ts';
import { isAlive } from '../support/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

function start(binary: string, ...args: readonly string[]): EnvoyProcess {
  const envoy = startHeldEnvoy(binary, args, process.env);
  onTestFinished(() => envoy.signal('SIGKILL'));
  return envoy;
}

describe('a held Envoy', () => {
  it('is known by its own pid at once, and by who started it', async () => {
    const args = ['-e', 'setInterval(() => {}, 1e6)', '', 'a b', "it's $1"];
    const { pid = 0 } = start(process.execPath, ...args);
    const holder = processIdentity(pid)?.parentPid ?? 0;
    expect(holder).not.toBe(process.pid);
    expect(starterOf(holder)).toBe(process.pid);
    await until('it runs', () => processIdentity(pid)?.args[0] === process.execPath);
    expect(processIdentity(pid)?.args).toEqual([process.execPath, ...args]);
  });

  it.each([
    ['exit 0', { kind: 'exited', code: 0 }],
    ['exit 1', { kind: 'exited', code: 1 }],
    ['kill -SEGV $$', { kind: 'signalled', signal: 'SIGSEGV' }],
    ['kill -KILL $$', { kind: 'signalled', signal: 'SIGKILL' }],
  ])('that does "%s" has ended so', async (script, status) => {
    expect(await start('/bin/sh', '-c', script).exited).toEqual(status);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('gets %s itself', async (signal) => {
    const envoy = start('/bin/sleep', '1000');
    envoy.signal(signal);
    expect(await envoy.exited).toEqual({ kind: 'signalled', signal });
  });

  it('is not over before it is over when somebody ends its holder', async () => {
    const envoy = start('/bin/sleep', '1000');
    const holder = processIdentity(envoy.pid ?? 0)?.parentPid ?? 0;
    process.kill(holder, 'SIGKILL');
    let over = false;
    void envoy.exited.then(() => (over = true));
    await until('the holder is gone', () => !isAlive(holder));
    expect([over, isAlive(envoy.pid ?? 0)]).toEqual([false, true]);
    envoy.signal('SIGTERM');
    expect(await envoy.exited).toEqual({ kind: 'unknown' });
  });

  it('that cannot be started says why', async () => {
    const text = join(await tempFolder(), 'envoy');
    await writeFile(text, 'touch /tmp/never');
    await chmod(text, 0o755);
    const folder = await tempFolder();
    for (const [binary, why] of [
      ['/nonexistent/envoy', 'ENOENT'],
      [text, 'no program'],
      [folder, 'EISDIR'],
    ] as const) {
      const envoy = start(binary);
      expect(await envoy.exited).toEqual({
        kind: 'not-started',
        error: expect.objectContaining({ message: expect.stringContaining(why) }),
      });
      envoy.signal('SIGTERM');
    }
  });

  it('outlives who started it', async () => {
    const source = fileURLToPath(new URL('./fixtures/start-and-wait.ts', import.meta.url));
    const { path, remove } = await bundleFixture(source);
    onTestFinished(remove);
    const starter = spawn(process.execPath, [path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(starter.stdout, 'data');
    const pid = Number(String(line));
    onTestFinished(() => void process.kill(pid, 'SIGKILL'));
    const [holder = 0] = childrenOf(starter.pid ?? 0);
    starter.kill('SIGKILL');
    await until('the starter is gone', () => !isAlive(starter.pid ?? 0));
    expect([isAlive(holder), isAlive(pid)]).toEqual([true, true]);
  });
});
