import { describe, expect, it } from 'vitest';
import { initialState, type SupervisorEvent } from '../../src/agent/epochs/state.ts';
import { step } from '../../src/agent/epochs/step.ts';
import { createStatusRecorder, type StatusRecorderOptions } from '../../src/agent/status.ts';
import { rules } from './epochs/world.ts';

function start(options: Partial<StatusRecorderOptions> = {}) {
  const recorder = createStatusRecorder({
    nodeId: 'node',
    readiness: async () => ({ ready: true }),
    ...options,
  });
  let state = initialState(rules);
  const dispatch = (...events: readonly SupervisorEvent[]) => {
    for (const event of events) {
      const before = state;
      const next = step(before, event);
      state = next.state;
      recorder.observe({ event, before, after: next.state, effects: next.effects });
    }
  };
  dispatch({ kind: 'start' }, { kind: 'prepared', id: 0, result: { kind: 'valid', config: 'c' } });
  return { recorder, dispatch };
}

describe('the status recorder', () => {
  it('knows who it is, and what a living process uses', async () => {
    const { recorder, dispatch } = start();
    recorder.identify(1, { pid: process.pid, baseId: 7 });
    dispatch({ kind: 'live', key: 1 });
    const report = await recorder.report();
    expect(report).toMatchObject({
      pid: process.pid,
      nodeId: 'node',
      lifecycle: 'running',
      readiness: { ready: true },
      epochs: [{ epoch: 0, pid: process.pid, baseId: 7, phase: 'serving', connections: expect.any(Number) }],
      restarts: [],
    });
    expect(report.epochs[0]?.residentBytes).toBeGreaterThan(10 * 2 ** 20);
    expect(Math.abs(Date.now() - report.now)).toBeLessThan(10_000);
  });

  it('remembers the pid of a process that is gone, and asks the kernel no more for it', async () => {
    const { recorder, dispatch } = start();
    recorder.identify(1, { pid: process.pid, baseId: 7 });
    dispatch({ kind: 'exited', key: 1, exitCode: 1, how: 'exit status 1' });
    const { epochs } = await recorder.report();
    expect(epochs).toMatchObject([{ pid: process.pid, phase: 'gone', exit: 'exit status 1' }]);
    expect(epochs[0]).not.toHaveProperty('residentBytes');
  });

  it('tells of a process of which nothing can be known', async () => {
    const { recorder } = start();
    recorder.identify(1, { pid: 2 ** 22 + 1, baseId: 7 }); // over the kernel's largest pid
    const { epochs } = await recorder.report();
    expect(epochs).toMatchObject([{ epoch: 0, phase: 'initializing', connections: undefined }]);
  });

  it('is not ready when readiness cannot be asked', async () => {
    const { recorder } = start({ readiness: () => Promise.reject(new Error('oh')) });
    expect((await recorder.report()).readiness).toEqual({ ready: false, reason: 'oh' });
  });

  it('asks once, however many want to know', async () => {
    let asked = 0;
    const { recorder } = start({
      readiness: async () => {
        asked += 1;
        return { ready: true };
      },
    });
    await Promise.all(Array.from({ length: 50 }, () => recorder.report()));
    expect(asked).toBe(1);
  });
});
