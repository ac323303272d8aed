import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type AdoptionOptions, choose, findAdoptable } from '../../src/agent/adoption.ts';
import { findEnvoys } from '../../src/agent/found-envoys.ts';
import type { RecordedEpoch } from '../../src/agent/state.ts';
import { type LoadedState, loadState, saveState, stateFile } from '../../src/agent/state-file.ts';
import { createStateRecorder } from '../../src/agent/state-recorder.ts';
import { reapStrays, reapStraysLater } from '../../src/agent/strays.ts';
import { takeOver } from '../../src/agent/take-over.ts';
import { envoyAdmin } from '../../src/envoy/admin.ts';
import { sharedMemoryFile } from '../../src/envoy/base-id.ts';
import { millis } from '../../src/platform/duration.ts';
import { EnvironmentError } from '../../src/platform/errors.ts';
import { isSameProcess, startTimeOf } from '../../src/platform/processes.ts';
import { isAlive } from '../support/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { hasTool, isRoot } from '../support/tools.ts';
import { randomBaseId, recordOf, startFakeEnvoy } from './fake-envoy.ts';

const uid = process.getuid?.() ?? 0;

/** Saves what an agent that is dead now would have saved, and reads it back. */
function stateOf(
  configPath: string,
  epochs: readonly RecordedEpoch[],
  agent = { pid: 4_194_303, startTime: 1 },
): LoadedState {
  saveState(configPath, { agent, binary: '/usr/local/bin/envoy', epochs });
  return loadState(configPath, uid);
}

function options(configPath: string, more: Partial<AdoptionOptions> = {}): AdoptionOptions {
  const settle = async () => expect.unreachable('nothing initializes');
  return { configPath, uid, adopt: true, settle, patience: millis(50), ...more };
}

const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, scope: () => log };

describe('findAdoptable', () => {
  it('takes over the Envoy that the state file knows', async () => {
    const configPath = await tempFolder();
    const { found, recorded } = await startFakeEnvoy({ configPath, epoch: 3, baseId: randomBaseId() });
    const plan = await findAdoptable(stateOf(configPath, [recorded]), options(configPath));
    expect(plan).toEqual({
      adopted: {
        baseId: found.baseId,
        epochs: [{ ...found, serving: true, config: 'abc', adminPort: 15000 }],
      },
      strays: [],
      draining: [],
      notes: [],
    });
  });

  it('finds nothing where nothing is', async () => {
    const configPath = await tempFolder();
    expect(await findAdoptable({ kind: 'none' }, options(configPath))).toEqual({
      adopted: undefined,
      strays: [],
      draining: [],
      notes: [],
    });
  });

  it.each<[string, (recorded: RecordedEpoch) => Partial<RecordedEpoch>]>([
    ['the start time of another process', ({ startTime }) => ({ startTime: startTime + 1 })],
    ['another epoch', ({ epoch }) => ({ epoch: epoch + 1 })],
    ['another base id', ({ baseId }) => ({ baseId: baseId + 1 })],
    ['another bootstrap', ({ bootstrapFile }) => ({ bootstrapFile: bootstrapFile.replace('rev3', 'rev4') })],
  ])('does not believe a state that says %s', async (_what, lie) => {
    const configPath = await tempFolder();
    const { recorded } = await startFakeEnvoy({ configPath, epoch: 3, baseId: randomBaseId() });
    const settle = async () => 'ended' as const;
    const state = stateOf(configPath, [{ ...recorded, ...lie(recorded) }]);
    expect((await findAdoptable(state, options(configPath, { settle }))).adopted).toBeUndefined();
  });

  it.each([0, 1])(
    'does not take a sleep for Envoy that has its pid (and %d ticks another start time)',
    async (more) => {
      const configPath = await tempFolder();
      const sleeper = spawn('/bin/sleep', ['1000']);
      onTestFinished(() => void sleeper.kill('SIGKILL'));
      const pid = sleeper.pid ?? 0;
      const startTime = (startTimeOf(pid) ?? 0) + more;
      const bootstrapFile = join(configPath, 'envoy-rev0.json');
      const recorded = recordOf(
        { pid, startTime, starterPid: 0, epoch: 0, baseId: 0, bootstrapFile },
        'serving',
      );
      const plan = await findAdoptable(stateOf(configPath, [recorded]), options(configPath));
      expect([plan.adopted, plan.strays]).toEqual([undefined, []]);
      expect(isAlive(pid)).toBe(true);
    },
  );

  it('does not take a zombie for Envoy', async () => {
    const configPath = await tempFolder();
    const { recorded, found } = await startFakeEnvoy({ configPath, epoch: 0, baseId: randomBaseId() });
    process.kill(found.pid, 'SIGKILL');
    // Synchronously: Node has not asked for its exit status yet.
    while (isAlive(found.pid));
    expect(findEnvoys(configPath, uid).ours).toEqual([]);
    expect(
      (await findAdoptable(stateOf(configPath, [recorded]), options(configPath))).adopted,
    ).toBeUndefined();
  });

  it('knows a bootstrap by whatever name Envoy was given', async () => {
    const configPath = await tempFolder();
    const link = join(await tempFolder(), 'proxy');
    symlinkSync(configPath, link);
    const one = await startFakeEnvoy({
      configPath,
      epoch: 0,
      baseId: 1,
      bootstrapFile: 'envoy-rev0.json',
      cwd: configPath,
    });
    const two = await startFakeEnvoy({
      configPath,
      epoch: 1,
      baseId: 1,
      bootstrapFile: join(link, 'envoy-rev1.json'),
    });
    const { ours } = findEnvoys(configPath, uid);
    expect(ours.map(({ pid }) => pid).sort()).toEqual([one.found.pid, two.found.pid].sort());
  });

  it('ends what it finds without a state that it can trust, or when it is not to take over', async () => {
    const configPath = await tempFolder();
    const { found, recorded } = await startFakeEnvoy({ configPath, epoch: 0, baseId: randomBaseId() });
    const lying: LoadedState = { kind: 'lying', reason: 'it is half-written' };
    const cases: readonly [LoadedState, boolean][] = [
      [lying, true],
      [{ kind: 'none' }, true],
      [stateOf(configPath, [recorded]), false],
    ];
    for (const [state, adopt] of cases) {
      const plan = await findAdoptable(state, options(configPath, { adopt }));
      expect(plan.adopted).toBeUndefined();
      expect(plan.strays.map(({ pid }) => pid)).toEqual([found.pid]);
    }
    const { notes } = await findAdoptable(lying, options(configPath));
    expect(notes).toEqual([{ level: 'warn', text: expect.stringContaining('half-written') }]);
  });

  it.runIf(isRoot)('leaves alone what belongs to another user', async () => {
    const configPath = await tempFolder();
    const { found, recorded } = await startFakeEnvoy({ configPath, epoch: 0, baseId: 1, uid: 1337 });
    const plan = await findAdoptable(stateOf(configPath, [recorded]), options(configPath));
    expect([plan.adopted, plan.strays]).toEqual([undefined, []]);
    expect(plan.notes[0]?.text).toContain(`Envoy ${found.pid}`);
    expect(plan.notes[0]?.text).toContain('user 1337');
  });

  it.runIf(isRoot && hasTool('unshare'))('leaves alone what is in another network namespace', async () => {
    const configPath = await tempFolder();
    const { recorded } = await startFakeEnvoy({
      configPath,
      epoch: 0,
      baseId: 1,
      wrapper: ['unshare', '--net'],
    });
    const plan = await findAdoptable(stateOf(configPath, [recorded]), options(configPath));
    expect([plan.adopted, plan.strays]).toEqual([undefined, []]);
    expect(plan.notes[0]?.text).toContain('another network namespace');
  });

  it('asks what became of a child that was not LIVE, recorded or not', async () => {
    const configPath = await tempFolder();
    const baseId = randomBaseId();
    const parent = await startFakeEnvoy({ configPath, epoch: 4, baseId });
    const child = await startFakeEnvoy({ configPath, epoch: 5, baseId });
    for (const known of [[recordOf(child.found, 'initializing')], []]) {
      const state = stateOf(configPath, [parent.recorded, ...known]);
      const asked: unknown[] = [];
      const settle =
        (answer: 'live' | 'ended'): AdoptionOptions['settle'] =>
        async (envoy, port) => {
          asked.push([envoy.pid, port]);
          return answer;
        };
      const live = await findAdoptable(state, options(configPath, { settle: settle('live') }));
      expect(live.adopted?.epochs.map(({ epoch, serving }) => [epoch, serving])).toEqual([
        [4, false],
        [5, true],
      ]);
      const ended = await findAdoptable(state, options(configPath, { settle: settle('ended') }));
      expect(ended.adopted?.epochs.map(({ epoch, serving }) => [epoch, serving])).toEqual([[4, true]]);
      expect(ended.notes[0]?.text).toContain('Epoch 5');
      expect(asked).toEqual([
        [child.found.pid, 15000],
        [child.found.pid, 15000],
      ]);
    }
  });

  it('refuses to start beside an agent that lives', async () => {
    const configPath = await tempFolder();
    const { recorded } = await startFakeEnvoy({ configPath, epoch: 0, baseId: 1 });
    const agent = spawn('/bin/sleep', ['1000']);
    onTestFinished(() => void agent.kill('SIGKILL'));
    const pid = agent.pid ?? 0;
    const state = stateOf(configPath, [recorded], { pid, startTime: startTimeOf(pid) ?? 0 });
    for (const adopt of [true, false]) {
      const plan = findAdoptable(state, options(configPath, { adopt }));
      await expect(plan).rejects.toThrow(EnvironmentError);
      await expect(plan).rejects.toThrow(
        `another pilot-agent (pid ${pid}) runs with --configPath ${configPath}`,
      );
    }
  });

  it('waits a moment for an agent that is about to be gone', async () => {
    const configPath = await tempFolder();
    const agent = spawn('/bin/sleep', ['0.2']);
    const pid = agent.pid ?? 0;
    const state = stateOf(configPath, [], { pid, startTime: startTimeOf(pid) ?? 0 });
    await findAdoptable(state, options(configPath, { patience: millis(5_000) }));
    expect(isAlive(pid)).toBe(false);
  });

  it('refuses to end the Envoy of an agent that lives, even if the state is lost', async () => {
    const configPath = await tempFolder();
    const agent = await agentWithEnvoy(configPath);
    const plan = findAdoptable({ kind: 'lying', reason: 'it is empty' }, options(configPath));
    await expect(plan).rejects.toThrow(`another pilot-agent (pid ${agent.pid})`);
  });

  it('never takes over what is not exactly what the state says, whatever it says', async () => {
    const configPath = await tempFolder();
    const baseId = randomBaseId();
    const { found } = await startFakeEnvoy({ configPath, epoch: 3, baseId });
    const near = (value: number) =>
      fc.oneof(fc.constant(value), fc.nat(), fc.integer({ min: value - 2, max: value + 2 }));
    const epoch = fc.record({
      pid: near(found.pid),
      startTime: near(found.startTime),
      epoch: near(3),
      baseId: near(baseId),
      adminPort: fc.integer({ min: 1, max: 65_535 }),
      phase: fc.constantFrom('serving' as const, 'draining' as const),
      config: fc.constant('abc'),
      bootstrapFile: fc.constantFrom(found.bootstrapFile, join(configPath, 'envoy-rev9.json'), '/etc/passwd'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(epoch, { maxLength: 3 }), async (epochs) => {
        const settle = async () => 'ended' as const;
        const { adopted, strays } = await findAdoptable(
          stateOf(configPath, epochs),
          options(configPath, { settle }),
        );
        for (const taken of adopted?.epochs ?? []) {
          expect(taken).toMatchObject(found);
          expect(epochs).toContainEqual(
            expect.objectContaining({ pid: found.pid, startTime: found.startTime, epoch: 3, baseId }),
          );
        }
        for (const { pid } of strays) expect(pid).toBe(found.pid);
      }),
      { numRuns: 150 },
    );
  });
});

/** An agent, by its command line, with an Envoy as its child. */
async function agentWithEnvoy(configPath: string): Promise<ChildProcess> {
  await startFakeEnvoy({ configPath, epoch: 0, baseId: 1 }); // writes the program
  const program = `
    const { spawn } = require('node:child_process');
    const envoy = spawn(process.execPath, ${JSON.stringify([
      join(configPath, 'fake-envoy.cjs'),
      ...['-c', join(configPath, 'envoy-rev0.json'), '--restart-epoch', '0'],
    ])});
    envoy.stdout.once('data', () => process.stdout.write('up'));
    process.on('SIGTERM', () => { envoy.kill('SIGKILL'); process.exit() });`;
  const agent = spawn(process.execPath, ['-e', program, 'proxy', 'sidecar'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    agent.kill('SIGTERM');
    await once(agent, 'exit');
  });
  await once(agent.stdout, 'data');
  return agent;
}

describe('choose', () => {
  const candidate = (epoch: number, baseId: number, phase: 'newest' | 'serving' | 'draining') => ({
    envoy: {
      pid: 100 + epoch,
      startTime: epoch,
      starterPid: 1,
      epoch,
      baseId,
      bootstrapFile: `/x/envoy-rev${epoch}.json`,
    },
    recorded: undefined,
    phase,
  });
  const summary = (plan: ReturnType<typeof choose>) => ({
    adopted: plan.adopted?.epochs.map(({ epoch, serving }) => (serving ? `${epoch} serves` : `${epoch}`)),
    strays: plan.strays.map(({ epoch }) => epoch),
    draining: plan.draining.map(({ epoch }) => epoch),
  });

  it.each([
    ['one', [candidate(0, 1, 'serving')], { adopted: ['0 serves'], strays: [], draining: [] }],
    [
      'a family',
      [candidate(2, 1, 'serving'), candidate(1, 1, 'draining')],
      { adopted: ['1', '2 serves'], strays: [], draining: [] },
    ],
    [
      'a child that took over unseen',
      [candidate(2, 1, 'serving'), candidate(3, 1, 'newest')],
      { adopted: ['2', '3 serves'], strays: [], draining: [] },
    ],
    [
      'what an overlap has replaced, in another family: it goes on draining',
      [candidate(2, 1, 'draining'), candidate(3, 7, 'serving')],
      { adopted: ['3 serves'], strays: [], draining: [2] },
    ],
    [
      'an overlap that took over unseen: the old one still accepts connections, so it ends now',
      [candidate(2, 1, 'serving'), candidate(3, 7, 'newest')],
      { adopted: ['3 serves'], strays: [2], draining: [] },
    ],
    ['only what drains', [candidate(2, 1, 'draining')], { adopted: ['2'], strays: [], draining: [] }],
    ['nothing', [], { adopted: undefined, strays: [], draining: [] }],
  ])('takes %s', (_what, candidates, plan) => {
    expect(summary(choose(candidates))).toEqual(plan);
  });
});

describe('reapStrays', () => {
  it('ends them with SIGTERM, and those that ignore it with SIGKILL', async () => {
    const configPath = await tempFolder();
    const meek = await startFakeEnvoy({ configPath, epoch: 0, baseId: 1 });
    const stubborn = await startFakeEnvoy({ configPath, epoch: 1, baseId: 1, stubborn: true });
    const ends = [once(meek.child, 'exit'), once(stubborn.child, 'exit')];
    expect(await reapStrays([meek.found, stubborn.found], millis(200))).toEqual([]);
    expect((await Promise.all(ends)).map(([, signal]) => signal)).toEqual(['SIGTERM', 'SIGKILL']);
  });

  it('signals nobody who has got the pid since', async () => {
    const configPath = await tempFolder();
    const { found } = await startFakeEnvoy({ configPath, epoch: 0, baseId: 1 });
    expect(await reapStrays([{ ...found, startTime: found.startTime + 1 }], millis(50))).toEqual([]);
    expect(isSameProcess(found.pid, found.startTime)).toBe(true);
  });

  it('lets what drains have its time, but no longer than the agent lives', async () => {
    const configPath = await tempFolder();
    const { found, child } = await startFakeEnvoy({ configPath, epoch: 0, baseId: 1 });
    const later = reapStraysLater([{ ...found, why: '' }], millis(3_600_000), log);
    expect(isAlive(found.pid)).toBe(true);
    await later.close();
    await later.close();
    expect(child.signalCode ?? 'SIGTERM').toBe('SIGTERM');
    expect(isAlive(found.pid)).toBe(false);

    const next = await startFakeEnvoy({ configPath, epoch: 1, baseId: 1 });
    const gone = once(next.child, 'exit');
    reapStraysLater([{ ...next.found, why: '' }], millis(20), log);
    await gone;
  });
});

describe('takeOver', () => {
  const admin = () => envoyAdmin('127.0.0.1', 1);

  it('ends strays and removes what they and the dead left behind', async () => {
    const configPath = await tempFolder();
    const baseId = randomBaseId();
    const alive = await startFakeEnvoy({ configPath, epoch: 1, baseId });
    const dead = await startFakeEnvoy({ configPath, epoch: 0, baseId });
    dead.child.kill('SIGKILL');
    await once(dead.child, 'exit');
    stateOf(configPath, [{ ...dead.recorded, phase: 'draining' }, alive.recorded]);
    const taken = await takeOver({ configPath, uid, adopt: false, admin, log });
    expect(taken).toEqual({ family: undefined, envoys: [], draining: [] });
    expect(isAlive(alive.found.pid)).toBe(false);
    expect([dead, alive].filter(({ found }) => existsSync(found.bootstrapFile))).toEqual([]);
    expect(existsSync(sharedMemoryFile(baseId))).toBe(false);
  });

  it('hands over a handle for each epoch', async () => {
    const configPath = await tempFolder();
    const { recorded, found, child } = await startFakeEnvoy({ configPath, epoch: 1, baseId: randomBaseId() });
    stateOf(configPath, [recorded]);
    const { family, envoys } = await takeOver({ configPath, uid, adopt: true, admin, log });
    expect(family?.epochs.map(({ pid }) => pid)).toEqual([found.pid]);
    expect(envoys.map(({ pid }) => pid)).toEqual([found.pid]);
    expect(existsSync(found.bootstrapFile)).toBe(true);
    const gone = once(child, 'exit');
    envoys[0]?.signal('SIGTERM');
    expect(await envoys[0]?.exited).toEqual({ kind: 'unknown' });
    await gone;
  });
});

describe('the state recorder', () => {
  it('keeps the file true, and writes only what has changed', async () => {
    const configPath = await tempFolder();
    const { found } = await startFakeEnvoy({ configPath, epoch: 2, baseId: 9 });
    const recorder = createStateRecorder({
      configPath,
      binary: '/usr/local/bin/envoy',
      log,
      pid: () => found.pid,
      baseId: () => 9,
      adminPort: () => 15000,
      bootstrapFile: (number) => join(configPath, `envoy-rev${number}.json`),
    });
    const epoch = {
      key: 0,
      number: 2,
      family: 0,
      phase: 'serving',
      config: 'abc',
      hasParent: false,
      told: 'no',
    } as const;
    const epochs = () => {
      const loaded = loadState(configPath, uid);
      return loaded.kind === 'good' ? loaded.state.epochs : loaded.kind;
    };
    recorder.record([]);
    expect(epochs()).toEqual([]); // the folder is claimed before the first Envoy starts
    recorder.record([epoch]);
    expect(epochs()).toEqual([recordOf(found, 'serving')]);
    recorder.record([{ ...epoch, phase: 'leaving' }]);
    expect(epochs()).toEqual([recordOf(found, 'draining')]);
    recorder.remove();
    expect(existsSync(stateFile(configPath))).toBe(false);
  });

  it('says once that it cannot write, and goes on', async () => {
    const configPath = join(await tempFolder(), 'absent');
    const warnings: string[] = [];
    const recorder = createStateRecorder({
      configPath,
      binary: '/usr/local/bin/envoy',
      log: { ...log, warn: (message) => warnings.push(message) },
      pid: () => undefined,
      baseId: () => 0,
      adminPort: () => 15000,
      bootstrapFile: () => '',
    });
    recorder.record([]);
    recorder.record([]);
    recorder.remove();
    expect(warnings).toEqual([expect.stringContaining('--configPath')]);
  });
});
