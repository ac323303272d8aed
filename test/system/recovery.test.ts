import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { makeFaultyEnvoy } from '../support/faulty-envoy.ts';
import { type Sidecar, type SidecarOptions, startSidecar } from '../support/hot-restart.ts';
import { isAlive } from '../support/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

async function sidecarWithFaults(options: SidecarOptions = {}) {
  const envoy = await makeFaultyEnvoy(await tempFolder());
  return { envoy, sidecar: await startSidecar({ ...options, binary: envoy.path }) };
}

/** Kills the only Envoy and waits until another one serves. */
async function kill(sidecar: Sidecar, signal: NodeJS.Signals): Promise<void> {
  const [victim] = sidecar.envoys();
  process.kill(victim?.pid ?? 0, signal);
  await until('another Envoy serves', async () => {
    const [envoy] = sidecar.envoys();
    if (envoy === undefined || envoy.pid === victim?.pid) return false;
    return (await sidecar.agent.get(sidecar.inbound, '/')).status === 200;
  }).catch((error: unknown) => {
    throw new Error(`the agent said:\n${sidecar.agent.output().slice(-6_000)}`, { cause: error });
  });
}

function expectNothingLeft({ agent }: Sidecar, envoys: readonly { readonly pid: number }[]): void {
  expect(envoys.filter(({ pid }) => isAlive(pid))).toEqual([]);
  expect(existsSync(agent.configPath) ? readdirSync(agent.configPath) : []).toEqual([]);
  expect(agent.sharedMemoryLeft()).toBe(false);
}

describe('an Envoy that dies', () => {
  it.each(['SIGKILL', 'SIGSEGV'] as const)('by %s is started again at once', async (signal) => {
    const sidecar = await startSidecar();
    await kill(sidecar, signal);
    await sidecar.agent.says(`exited with error: signal ${signal}`);
    await sidecar.agent.says('Starting Envoy again (1 of 10)\n');
    await sidecar.agent.ready();
    expect((await sidecar.restart()).status).toBe(200);
  });

  it('with status 1 after it was LIVE is started again too', async () => {
    const { envoy, sidecar } = await sidecarWithFaults();
    await envoy.fail('doomed');
    process.kill(sidecar.envoys()[0]?.pid ?? 0, 'SIGKILL');
    await sidecar.agent.says('Epoch 0 is LIVE');
    await until('the doomed one serves', async () => {
      return (await sidecar.agent.get(sidecar.inbound, '/')).status === 200;
    });
    await until('the agent has seen that', () => sidecar.agent.output().split('is LIVE').length > 2);
    await envoy.doom();
    await sidecar.agent.says('exited with error: exit status 1');
    await sidecar.agent.says('Starting Envoy again (2 of 10) in 200 ms');
    await sidecar.agent.ready();
  });

  it('again and again is waited for longer each time, and readiness says so', async () => {
    const { envoy, sidecar } = await sidecarWithFaults();
    await envoy.fail('kill', 'always');
    process.kill(sidecar.envoys()[0]?.pid ?? 0, 'SIGKILL');
    const reasons = new Set<string>();
    await until('it waits for the fifth start', async () => {
      const { status, body } = await sidecar.agent.get(sidecar.agent.ports.status, '/healthz/ready');
      expect(status).toBe(503);
      reasons.add(body.trim());
      return sidecar.agent.output().includes('(5 of 10)');
    });
    const pauses = [
      ...sidecar.agent.output().matchAll(/Starting Envoy again \((\d) of 10\)(?: in (\d+) ms)?/g),
    ];
    expect(pauses.map(([, count, pause]) => [count, pause])).toEqual([
      ['1', undefined],
      ['2', '200'],
      ['3', '400'],
      ['4', '800'],
      ['5', '1600'],
    ]);
    expect([...reasons].join()).toContain('Envoy has ended 4 times and is started again soon');
    await envoy.heal();
    await sidecar.agent.ready();
  });

  it('more often than it may ends the agent with the last reason, and leaves nothing', async () => {
    const { envoy, sidecar } = await sidecarWithFaults({ args: ['--maxRestarts', '2'] });
    await envoy.fail('kill', 'always');
    const envoys = sidecar.envoys();
    process.kill(envoys[0]?.pid ?? 0, 'SIGSEGV');
    expect(await sidecar.agent.exited).toBe(137);
    expect(sidecar.agent.output()).toContain('Starting Envoy again (2 of 2)');
    expect(sidecar.agent.output()).toMatch(/Envoy ended: signal SIGKILL/);
    expectNothingLeft(sidecar, envoys);
  });

  it.each([
    ['SIGKILL', 137],
    ['SIGSEGV', 139],
  ] as const)('by %s ends the agent with %d under --maxRestarts 0, as it used to', async (signal, code) => {
    const sidecar = await startSidecar({ args: ['--maxRestarts', '0'] });
    const envoys = sidecar.envoys();
    process.kill(envoys[0]?.pid ?? 0, signal);
    expect(await sidecar.agent.exited).toBe(code);
    expect(sidecar.agent.output()).not.toContain('Starting Envoy again');
    expectNothingLeft(sidecar, envoys);
  });

  it('goes back to the configuration that served, when the one that is there now is bad', async () => {
    const sidecar = await startSidecar();
    await sidecar.override({ no_such_field: 1 });
    expect((await sidecar.restart()).status).toBe(422);
    await kill(sidecar, 'SIGKILL');
    await sidecar.agent.ready();
  });
});

describe('an Envoy that has refused its very first bootstrap', () => {
  it('ends the agent at once: another try would end like this one', async () => {
    const override = join(await tempFolder(), 'override.json');
    await writeFile(override, '{"no_such_field": 1}');
    const agent = await startAgent({ env: { ISTIO_BOOTSTRAP_OVERRIDE: override } });
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain('no_such_field');
    expect(agent.output()).not.toContain('Starting Envoy again');
  });
});
