import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  bootId,
  isSameProcess,
  isStopped,
  netNamespace,
  parseStat,
  pidNamespace,
  processIdentity,
  processIds,
  startTimeOf,
} from '../../src/platform/processes.ts';
import { privateFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

async function start(program: string, args: readonly string[] = ['1000']): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: 'ignore' });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  await once(child, 'spawn');
  return child;
}

/** A copy of `sleep` under a name of the test's choice. */
async function sleeper(name: string): Promise<string> {
  const path = join(await privateFolder(), name);
  copyFileSync('/bin/sleep', path);
  return path;
}

describe('processIdentity', () => {
  it('says who a process is', async () => {
    const { pid = 0 } = await start('/bin/sleep', ['1000']);
    expect(processIdentity(pid)).toEqual({
      pid,
      parentPid: process.pid,
      startTime: startTimeOf(pid),
      uid: process.getuid?.(),
      zombie: false,
      args: ['/bin/sleep', '1000'],
      exe: { path: expect.stringMatching(/\/(sleep|coreutils)$/), deleted: false },
      cwd: process.cwd(),
      netNamespace: netNamespace('self'),
    });
  });

  it.each(['a) S 1 (b', 'x ) ) R 2', 'new\nline'])('is not fooled by a program named %j', async (name) => {
    const { pid = 0 } = await start(await sleeper(name));
    const { pid: plain = 0 } = await start('/bin/sleep');
    const identity = processIdentity(pid);
    expect(identity).toMatchObject({ parentPid: process.pid, zombie: false });
    expect(Math.abs((identity?.startTime ?? 0) - (startTimeOf(plain) ?? 0))).toBeLessThan(1_000);
  });

  it('knows a program that was replaced from one whose name ends in (deleted)', async () => {
    const replaced = await sleeper('envoy');
    const { pid = 0 } = await start(replaced);
    copyFileSync('/bin/sleep', `${replaced}.new`);
    renameSync(`${replaced}.new`, replaced);
    expect(processIdentity(pid)?.exe).toEqual({ path: replaced, deleted: true });

    const odd = await sleeper('envoy (deleted)');
    const { pid: oddPid = 0 } = await start(odd);
    expect(processIdentity(oddPid)?.exe).toEqual({ path: odd, deleted: false });
    rmSync(odd);
    expect(processIdentity(oddPid)?.exe).toEqual({ path: odd, deleted: true });
  });

  it('keeps empty arguments', async () => {
    const args = ['-e', 'setTimeout(() => {}, 1e6)', '', 'x', ''];
    const { pid = 0 } = await start(process.execPath, args);
    expect(processIdentity(pid)?.args).toEqual([process.execPath, ...args]);
  });

  it('is undefined for one that is gone', async () => {
    const child = await start('/bin/true', []);
    await once(child, 'exit');
    expect(processIdentity(child.pid ?? 0)).toBeUndefined();
    expect(isSameProcess(child.pid ?? 0, 0)).toBe(false);
  });

  it('calls a zombie one', async () => {
    // The child ends after `exec`: the shell would wait for it, and sleep never does.
    const child = spawn('/bin/sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [line] = await once(child.stdout, 'data');
    const pid = Number(String(line).trim());
    await until('it is a zombie', () => processIdentity(pid)?.zombie);
    expect(isSameProcess(pid, startTimeOf(pid) ?? 0)).toBe(false);
  });
});

describe('isSameProcess', () => {
  it('asks for the start time too, since pids are used again', async () => {
    const { pid = 0 } = await start('/bin/sleep');
    const startTime = startTimeOf(pid) ?? 0;
    expect(isSameProcess(pid, startTime)).toBe(true);
    expect(isSameProcess(pid, startTime - 1)).toBe(false);
    expect(isSameProcess(pid, startTime + 1)).toBe(false);
  });

  it('is true of a stopped one', async () => {
    const child = await start('/bin/sleep');
    child.kill('SIGSTOP');
    await until('it is stopped', () => isStopped(child.pid ?? 0));
    expect(isSameProcess(child.pid ?? 0, startTimeOf(child.pid ?? 0) ?? 0)).toBe(true);
  });
});

describe('the machine', () => {
  it('has a boot id, namespaces and this process', () => {
    expect(bootId()).toMatch(/^[0-9a-f-]{36}$/);
    expect(pidNamespace()).toMatch(/^pid:\[\d+\]$/);
    expect(netNamespace('self')).toMatch(/^net:\[\d+\]$/);
    expect(processIds()).toContain(process.pid);
  });
});

describe('parseStat', () => {
  it('finds the fields behind whatever the program is called', () => {
    const name = fc.string({ maxLength: 15 });
    const number = fc.nat();
    const threads = fc.integer({ min: 1, max: 3 });
    fc.assert(
      fc.property(number, name, fc.constantFrom(...'RSDZTtX'), number, threads, number, (...values) => {
        const [pid, comm, state, parent, count, time] = values;
        const between = Array.from({ length: 15 }, (_, index) => index); // fields 5 to 19
        const text = `${pid} (${comm}) ${state} ${parent} ${between.join(' ')} ${count} 0 ${time} 1 2 3\n`;
        expect(parseStat(text)).toEqual({
          parentPid: parent,
          startTime: time,
          zombie: (state === 'Z' || state === 'X') && count === 1, // the others still have its files open
          stopped: state === 'T' || state === 't',
        });
      }),
    );
  });

  it('never throws, and knows nothing from half a line', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseStat(text)));
    expect(parseStat('7 (envoy) S 1 7 7')).toBeUndefined();
    expect(parseStat('')).toBeUndefined();
  });
});
