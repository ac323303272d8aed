import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import type { RunningAgent } from '../support/launch.ts';
import { http1Load } from '../support/load.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { isAlive, killGroup } from '../support/processes.ts';
import { until } from '../support/until.ts';

async function sidecar() {
  const application = await startApplication();
  const inbound = await freePort();
  const { folder } = await localConfig(inbound, application.port);
  const args = ['--localConfig', folder, '--drainDuration', '1s', '--parentShutdownDuration', '2s'];
  const agent = await startAgent({ args });
  await agent.ready();
  return { agent, args, inbound };
}

/** Ends the agent as a crash would, so that its Envoys go on by themselves; whatever becomes of them, the test leaves none. */
async function abandon(agent: RunningAgent): Promise<number[]> {
  const envoys = agent.envoys();
  onTestFinished(() => {
    for (const pid of envoys) killGroup(pid);
  });
  agent.signal('SIGKILL');
  // Not `exited`: its Envoys have its output open.
  await until('the agent is gone', () => !isAlive(agent.pid));
  return envoys;
}

/** The next agent with the folder and the ports of the one before. */
function successor(before: RunningAgent, args: readonly string[], more: readonly string[] = []) {
  const { admin, status, metrics, envoyStatus } = before.ports;
  return startAgent({
    args: [
      ...args,
      ...['--configPath', before.configPath, '--proxyAdminPort', String(admin)],
      ...['--statusPort', String(status), '--prometheusPort', String(metrics)],
      ...more,
    ],
    env: { ENVOY_STATUS_PORT: String(envoyStatus) },
  });
}

describe('an agent that is killed', () => {
  it('leaves Envoy serving, and the next one takes over without a lost request', async () => {
    const { agent, args, inbound } = await sidecar();
    const load = http1Load(inbound, 6);
    await until('the load runs', () => load.succeeded() > 100);
    const [envoy = 0] = await abandon(agent);
    const before = load.succeeded();
    await until('Envoy serves alone', () => load.succeeded() > before + 200);
    const next = await successor(agent, args);
    await next.says('Epoch 0 adopted, serving');
    await next.says('Epoch 1 is LIVE');
    await until('the adopted Envoy has left', () => !isAlive(envoy));
    const after = load.succeeded();
    await until('the new Envoy serves', () => load.succeeded() > after + 200);
    await load.stop();
    expect(load.failures()).toEqual([]);
    expect((await next.get(agent.ports.status, '/healthz/ready')).status).toBe(200);
    next.signal('SIGTERM');
    expect(await next.exited).toBe(0);
    expect(existsSync(join(agent.configPath, 'pilot-agent-state.json'))).toBe(false);
    expect(agent.sharedMemoryLeft()).toBe(false);
  });

  it('has its Envoy ended by a next one with --noAdopt', async () => {
    const { agent, args } = await sidecar();
    const [envoy = 0] = await abandon(agent);
    const next = await successor(agent, args, ['--noAdopt']);
    await next.says('Epoch 0 is LIVE');
    expect(isAlive(envoy)).toBe(false);
  });

  it.each([
    ['is half-written', (text: string) => text.slice(0, text.length / 2)],
    ['names a process that is none of ours', (text: string) => text.replace(/"pid": \d+/g, '"pid": 1')],
  ])('whose state file %s has its Envoy ended, for nobody knows what it is', async (_what, lie) => {
    const { agent, args } = await sidecar();
    const [envoy = 0] = await abandon(agent);
    const file = join(agent.configPath, 'pilot-agent-state.json');
    await writeFile(file, lie(await readFile(file, 'utf8')));
    const next = await successor(agent, args);
    await next.says('is LIVE');
    await until('it is gone', () => !isAlive(envoy));
    expect((await next.get(agent.ports.status, '/healthz/ready')).status).toBe(200);
  });
});

describe('a second agent with the same --configPath', () => {
  it('does not start while the first lives', async () => {
    const { agent, args } = await sidecar();
    const second = await successor(agent, args);
    expect(await second.exited).toBe(1);
    expect(second.output()).toContain(agent.configPath);
    expect((await agent.get(agent.ports.status, '/healthz/ready')).status).toBe(200);
  });
});
