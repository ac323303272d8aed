import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, copyFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEnvoys } from '../../src/agent/found-envoys.ts';
import { settleChild } from '../../src/agent/settle-child.ts';
import { stateFile } from '../../src/agent/state-file.ts';
import { envoyAdmin } from '../../src/envoy/admin.ts';
import { sharedMemoryFile } from '../../src/envoy/base-id.ts';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { isStopped } from '../../src/platform/processes.ts';
import { bundleFixture } from '../support/fixture.ts';
import { http1Load } from '../support/load.ts';
import { isAlive } from '../support/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';
import { createScene } from './adoption-scene.ts';

const uid = process.getuid?.() ?? 0;
const agent = fixture('mortal-agent');
const heir = fixture('heir');

function fixture(name: string): () => string {
  let bundle: Awaited<ReturnType<typeof bundleFixture>> | undefined;
  beforeAll(async () => {
    bundle = await bundleFixture(fileURLToPath(new URL(`./fixtures/${name}.ts`, import.meta.url)));
  });
  afterAll(() => bundle?.remove());
  return () => bundle?.path ?? '';
}

const scene = (binary?: string) => createScene(agent(), binary);
const live = (epoch: number) => ({ epoch, live: true, recorded: true });
const initializing = (epoch: number, recorded = true) => ({ epoch, live: false, recorded });
const FOR_EVER = '0s';

/** Connections that are kept and connections for one request each. */
function startLoad(port: number) {
  const loads = [http1Load(port, 2), http1Load(port, 1, { keepAlive: false })];
  const succeeded = () => loads.reduce((sum, load) => sum + load.succeeded(), 0);
  return {
    runs: () => until('requests are answered', () => succeeded() > 100),
    expectNoFailure: async () => {
      await Promise.all(loads.map((load) => load.stop()));
      expect(loads.flatMap((load) => load.failures())).toEqual([]);
      expect(succeeded()).toBeGreaterThan(100);
    },
  };
}

function roles(family: { readonly epochs: readonly { epoch: number; serving: boolean }[] } | undefined) {
  return family?.epochs.map(({ epoch, serving }) => `${epoch} ${serving ? 'serves' : 'drains'}`);
}

const alive = (configPath: string) => findEnvoys(configPath, uid).ours.map(({ epoch }) => epoch);

describe('after kill -9 of the agent', () => {
  it('its Envoy is taken over and replaced by a hot restart, without a failed request', async () => {
    const { bootstrap, agentThatDies, takeOver, hotRestart, port, baseId } = await scene();
    await bootstrap(0);
    await bootstrap(1);
    await agentThatDies([live(0)]);
    const load = startLoad(port);
    await load.runs();
    const { family, envoys } = await takeOver();
    expect(family).toMatchObject({ baseId, epochs: [{ epoch: 0, serving: true, config: 'c0' }] });
    await hotRestart(1);
    expect(await envoys[0]?.exited).toEqual({ kind: 'unknown' });
    await load.expectNoFailure();
  });

  it('a family of two is taken over as it is', async () => {
    const { bootstrap, agentThatDies, takeOver, hotRestart } = await scene();
    for (const epoch of [0, 1, 2]) await bootstrap(epoch);
    await agentThatDies([live(0), live(1)]);
    expect(roles((await takeOver()).family)).toEqual(['0 drains', '1 serves']);
    await hotRestart(2);
  });

  it.each([true, false])(
    'a child that was initializing is ended without its parent, and hot restart is free (recorded: %s)',
    async (recorded) => {
      const { bootstrap, agentThatDies, takeOver, hotRestart, configPath, log, port, admin } = await scene();
      await bootstrap(0);
      await bootstrap(1, FOR_EVER);
      await agentThatDies([live(0), initializing(1, recorded)]);
      const load = startLoad(port);
      await until('the child has the admin port', async () => (await admin()).startsWith('1 '));
      expect(roles((await takeOver()).family)).toEqual(['0 serves']);
      expect(alive(configPath)).toEqual([0]);
      expect(log.lines.join()).toContain('Epoch 1');
      await bootstrap(1);
      await load.runs();
      await hotRestart(1);
      await load.expectNoFailure();
    },
  );

  it.each([true, false])(
    'a child that became LIVE when nobody looked is the one that serves (recorded: %s)',
    async (recorded) => {
      const { bootstrap, agentThatDies, takeOver, hotRestart, admin, port } = await scene();
      await bootstrap(0);
      await bootstrap(1, '1s');
      await bootstrap(2);
      await agentThatDies([live(0), initializing(1, recorded)]);
      const load = startLoad(port);
      await until('the child is LIVE', async () => (await admin()) === '1 LIVE');
      expect(roles((await takeOver()).family)).toEqual(['0 drains', '1 serves']);
      await hotRestart(2);
      await load.expectNoFailure();
    },
  );

  it('a child that becomes LIVE any moment is never ended after it took over', async () => {
    const { bootstrap, agentThatDies, takeOver, port } = await scene();
    await bootstrap(0);
    await bootstrap(1, '0.3s');
    await agentThatDies([live(0), initializing(1)]);
    const load = startLoad(port);
    await load.runs();
    expect(['0 serves', '0 drains,1 serves']).toContain(roles((await takeOver()).family)?.join());
    await load.runs();
    await load.expectNoFailure();
  });

  it('hot restart that a rejected child had blocked is free again', async () => {
    const { bootstrap, agentThatDies, takeOver, hotRestart, configPath, log } = await scene();
    await bootstrap(0);
    await writeFile(join(configPath, 'envoy-rev1.json'), '{"no_such_field": 1}');
    await agentThatDies([live(0), initializing(1)]);
    await until('the child is gone', () => alive(configPath).length === 1);
    await takeOver();
    expect(log.lines.join()).toContain('was blocked: freed');
    await bootstrap(1);
    await hotRestart(1);
  });

  it('a first Envoy that never became LIVE is ended: there is nothing to take over', async () => {
    const { bootstrap, agentThatDies, takeOver, configPath, baseId, admin } = await scene();
    await bootstrap(0, FOR_EVER);
    await agentThatDies([initializing(0)]);
    await until('it has started', async () => (await admin()).startsWith('0 '));
    expect((await takeOver()).family).toBeUndefined();
    expect(alive(configPath)).toEqual([]);
    expect(existsSync(sharedMemoryFile(baseId))).toBe(false);
  });

  it('without adoption its Envoys are ended and leave nothing, so that their ports are free', async () => {
    const { bootstrap, agentThatDies, takeOver, configPath, baseId, port } = await scene();
    await bootstrap(0);
    await bootstrap(1);
    await agentThatDies([live(0), live(1)]);
    expect(alive(configPath).length).toBe(2);
    expect((await takeOver(false)).family).toBeUndefined();
    expect(alive(configPath)).toEqual([]);
    expect([0, 1].filter((epoch) => existsSync(join(configPath, `envoy-rev${epoch}.json`)))).toEqual([]);
    expect(existsSync(sharedMemoryFile(baseId))).toBe(false);
    await bind(port);
  });

  it('with a state file that is half-written they are ended too', async () => {
    const { bootstrap, agentThatDies, takeOver, configPath, log } = await scene();
    await bootstrap(0);
    await agentThatDies([live(0)]);
    await writeFile(stateFile(configPath), '{"version": 1, "boot', { mode: 0o600 });
    expect((await takeOver()).family).toBeUndefined();
    expect(alive(configPath)).toEqual([]);
    expect(log.lines.join()).toContain('half-written');
  });

  it.runIf(isRoot)(
    'user 1337 recognises an Envoy that may not be looked into, and whose binary is gone',
    async () => {
      const binary = join(await tempFolder(), 'envoy');
      await copyFile((await findEnvoy(process.env)) ?? '', binary);
      await chmod(binary, 0o711); // who cannot read a program may not look into its process
      const { bootstrap, agentThatDies, configPath, baseId } = await scene(binary);
      await chown(configPath, 1337, 1337);
      await bootstrap(0);
      await agentThatDies([live(0)], 1337);
      await rm(binary);
      const { stdout } = spawnSync(process.execPath, [heir(), configPath, '1337'], { encoding: 'utf8' });
      expect(JSON.parse(stdout)).toEqual({
        epochs: [expect.objectContaining({ epoch: 0, baseId, serving: true })],
        said: [],
      });
    },
  );
});

describe('settleChild', () => {
  it('believes the shared memory where the admin says nothing, and lets the child go on', async () => {
    const { bootstrap, agentThatDies, configPath, admin } = await scene();
    await bootstrap(0);
    await bootstrap(1);
    await agentThatDies([live(0), live(1)]);
    const child = findEnvoys(configPath, uid).ours.find(({ epoch }) => epoch === 1);
    if (child === undefined) throw new Error('epoch 1 is not there');
    expect(await settleChild(child, envoyAdmin('127.0.0.1', 1))).toBe('live');
    expect(isStopped(child.pid)).toBe(false);
    expect(await admin()).toBe('1 LIVE');
  });

  it('ends one that hangs', async () => {
    const { bootstrap, agentThatDies, configPath, adminPort, admin } = await scene();
    await bootstrap(0, FOR_EVER);
    await agentThatDies([initializing(0)]);
    await until('it has started', async () => (await admin()).startsWith('0 '));
    const [child] = findEnvoys(configPath, uid).ours;
    if (child === undefined) throw new Error('epoch 0 is not there');
    process.kill(child.pid, 'SIGSTOP');
    expect(await settleChild(child, envoyAdmin('127.0.0.1', adminPort))).toBe('ended');
    expect(isAlive(child.pid)).toBe(false);
  });
});

/** @throws when something listens there */
function bind(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}
