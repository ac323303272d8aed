import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import type { RunningAgent } from '../support/launch.ts';
import { http1Load } from '../support/load.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { isAlive } from '../support/processes.ts';
import { until } from '../support/until.ts';

async function sidecar(args: readonly string[] = [], handler?: Parameters<typeof startApplication>[0]) {
  const application = await startApplication(handler);
  const inbound = await freePort();
  const { folder } = await localConfig(inbound, application.port);
  const agent = await startAgent({ args: ['--localConfig', folder, ...args] });
  await agent.ready();
  return { agent, inbound, application };
}

/** Nothing of the agent is left: no Envoy, no bootstrap, no shared memory of its family. */
function expectNothingLeft(agent: RunningAgent, envoys: readonly number[]): void {
  expect(envoys.filter(isAlive)).toEqual([]);
  expect(existsSync(agent.configPath) ? readdirSync(agent.configPath) : []).toEqual([]);
  expect(agent.sharedMemoryLeft()).toBe(false);
}

describe('SIGTERM', () => {
  it('loses no request that was under way, and none while the drain goes on', async () => {
    const { agent, inbound } = await sidecar(['--terminationDrainDuration', '4s'], (_, response) =>
      setTimeout(() => response.end('hello'), 20),
    );
    const load = http1Load(inbound, 10);
    await until('the load runs', () => load.succeeded() > 200);
    agent.signal('SIGTERM');
    await until('the drain has begun', () => agent.output().includes('Agent draining Proxy'));
    const before = load.succeeded();
    await until('requests go on during the drain', () => load.succeeded() > before + 200);
    await load.stop();
    expect(load.failures()).toEqual([]);
    expect(await agent.exited).toBe(0);
  });

  it('lets a long request end, and leaves as soon as it has', async () => {
    let finish: (() => void) | undefined;
    const { agent, inbound } = await sidecar(['--terminationDrainDuration', '60s'], (_, response) => {
      finish = () => response.end('at last');
    });
    const envoys = agent.envoys();
    const answer = agent.get(inbound, '/slow');
    const end = await until('the request is at the application', () => finish);
    agent.signal('SIGTERM');
    const reason = await until('readiness says why', async () => {
      const { status, body } = await agent.get(agent.ports.status, '/healthz/ready');
      return status === 503 && body;
    });
    expect(reason).toContain('SIGTERM');
    expect((await agent.get(agent.ports.metrics, '/stats/prometheus')).status).toBe(200);
    end();
    expect((await answer).body).toBe('at last');
    expect(await agent.exited).toBe(0);
    expect(agent.output()).toContain('no connection is left');
    expectNothingLeft(agent, envoys);
  });

  it('ends an Envoy that hangs with SIGKILL', async () => {
    const { agent } = await sidecar(['--terminationDrainDuration', '1s']);
    const envoys = agent.envoys();
    process.kill(envoys[0] ?? 0, 'SIGSTOP');
    agent.signal('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(agent.output()).toContain('SIGKILL');
    expectNothingLeft(agent, envoys);
  });

  it('ends at once when it comes a second time', async () => {
    const { agent, inbound } = await sidecar(['--terminationDrainDuration', '60s'], () => {});
    const envoys = agent.envoys();
    agent.get(inbound, '/never').catch(() => {});
    agent.signal('SIGTERM');
    await until('the drain has begun', () => agent.output().includes('Agent draining Proxy'));
    agent.signal('SIGTERM');
    expect(await agent.exited).toBe(143);
    expectNothingLeft(agent, envoys);
  });

  it('ends the agent while Envoy waits for its control plane', async () => {
    const agent = await startAgent({ args: ['--discoveryAddress', `127.0.0.1:${await freePort()}`] });
    const envoys = await until('Envoy runs', () => agent.envoys().length > 0 && agent.envoys());
    agent.signal('SIGINT');
    expect(await agent.exited).toBe(0);
    expectNothingLeft(agent, envoys);
  });
});

describe('POST /quitquitquit', () => {
  it('leaves without a drain, with exit code 0', async () => {
    const { agent } = await sidecar(['--terminationDrainDuration', '60s']);
    const envoys = agent.envoys();
    expect(await agent.post(agent.ports.status, '/quitquitquit')).toEqual({ status: 200, body: 'OK' });
    expect(await agent.exited).toBe(0);
    expectNothingLeft(agent, envoys);
  });
});

describe('POST /drain', () => {
  it('makes the sidecar unready and lets it go on until SIGTERM', async () => {
    const { agent, inbound } = await sidecar();
    expect((await agent.post(agent.ports.status, '/drain')).status).toBe(200);
    const { status, body } = await agent.get(agent.ports.status, '/healthz/ready');
    expect([status, body.includes('drain')]).toEqual([503, true]);
    expect((await agent.get(inbound, '/')).status).toBe(200);
    agent.signal('SIGTERM');
    expect(await agent.exited).toBe(0);
  });
});
