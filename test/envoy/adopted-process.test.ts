import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { adoptProcess, signalProcess } from '../../src/envoy/adopted-process.ts';
import { describeExit, exitCodeOf } from '../../src/envoy/process.ts';
import { millis } from '../../src/platform/duration.ts';
import { isSameProcess, startTimeOf } from '../../src/platform/processes.ts';

const POLL = millis(20);

async function sleeper(): Promise<{ child: ChildProcess; pid: number; startTime: number }> {
  const child = spawn('/bin/sleep', ['1000'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  return { child, pid, startTime: startTimeOf(pid) ?? 0 };
}

describe('an adopted process', () => {
  it('is signalled like a child, and its end is seen', async () => {
    const { pid, startTime } = await sleeper();
    const envoy = adoptProcess(pid, startTime, POLL);
    expect(envoy.pid).toBe(pid);
    envoy.signal('SIGTERM');
    expect(await envoy.exited).toEqual({ kind: 'unknown' });
    envoy.signal('SIGTERM'); // it is gone, which is no error
  });

  it('counts as crashed when it ends, for nobody knows how it did', async () => {
    expect(exitCodeOf({ kind: 'unknown' }, constants.signals)).toBe(1);
    expect(describeExit({ kind: 'unknown' })).toContain('not known');
  });

  it('is gone at once when the pid belongs to somebody else, who gets no signal', async () => {
    const { pid, startTime } = await sleeper();
    const envoy = adoptProcess(pid, startTime + 1, POLL);
    envoy.signal('SIGKILL');
    expect(await envoy.exited).toEqual({ kind: 'unknown' });
    expect(isSameProcess(pid, startTime)).toBe(true);
  });
});

describe('signalProcess', () => {
  it.each([0, 1, -1])('never signals %d, which is a group, init or everybody', (pid) => {
    expect(signalProcess(pid, startTimeOf(Math.abs(pid)) ?? 0, 'SIGCONT')).toBe(false);
  });
});
