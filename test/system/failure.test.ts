import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { isAlive } from '../support/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

async function sidecar(options: Parameters<typeof startAgent>[0] = {}) {
  const application = await startApplication();
  const { folder } = await localConfig(await freePort(), application.port);
  const agent = await startAgent({ ...options, args: ['--localConfig', folder, ...(options.args ?? [])] });
  await agent.ready();
  return agent;
}

describe('Envoy', () => {
  it('killed with SIGKILL ends the agent with 137 and the hint of memory', async () => {
    const agent = await sidecar({ args: ['--maxRestarts', '0'] });
    process.kill(agent.envoys()[0] ?? 0, 'SIGKILL');
    expect(await agent.exited).toBe(137);
    expect(agent.output()).toContain('out of memory');
  });

  it('told to leave through its admin ends the agent with 0', async () => {
    const agent = await sidecar();
    await agent.post(agent.ports.admin, '/quitquitquit');
    expect(await agent.exited).toBe(0);
    expect(agent.output()).toContain('exited normally');
  });

  it('that hangs is not ready, and ready again when it goes on', async () => {
    const agent = await sidecar();
    const [envoy = 0] = agent.envoys();
    process.kill(envoy, 'SIGSTOP');
    const reason = await until('it is unready', async () => {
      const { status, body } = await agent.get(agent.ports.status, '/healthz/ready');
      return status === 503 && body;
    });
    expect(reason).toContain('does not answer');
    process.kill(envoy, 'SIGCONT');
    await agent.ready();
  });

  it('that refuses its bootstrap ends the agent with its own message in the log', async () => {
    const override = join(await tempFolder(), 'override.json');
    await writeFile(override, '{"no_such_field": 1}');
    const agent = await startAgent({ env: { ISTIO_BOOTSTRAP_OVERRIDE: override } });
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain('no_such_field');
    expect(agent.output()).toContain('exited with error: exit status 1');
  });

  it('that cannot be started is named', async () => {
    const broken = join(await tempFolder(), 'envoy');
    await writeFile(broken, 'not a program');
    await chmod(broken, 0o755);
    const agent = await startAgent({ args: ['--binaryPath', broken] });
    expect(await agent.exited).not.toBe(0);
    expect(agent.output()).toContain(broken);
  });

  it('that is not there is named, with the remedy', async () => {
    const agent = await startAgent({ args: ['--binaryPath', '/nonexistent/envoy'] });
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain('/nonexistent/envoy');
    expect(agent.output()).toContain('--binaryPath');
  });
});

describe('the agent', () => {
  it.each(['--statusPort', '--prometheusPort', '--proxyAdminPort'])(
    'names the port and %s when the port is taken',
    async (flag) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, () => resolve()));
      onTestFinished(() => void server.close());
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const agent = await startAgent({ args: [flag, String(port)] });
      expect(await agent.exited).toBe(1);
      expect(agent.output()).toMatch(new RegExp(`(port |:)${port} `));
      expect(agent.output()).toContain(flag);
      expect(agent.envoys()).toEqual([]);
    },
  );

  it.each([
    ['an exception', 'setTimeout(() => { throw new Error("own bug"); }, 1000)'],
    ['an unhandled rejection', 'setTimeout(() => Promise.reject(new Error("own bug")), 1000)'],
    ['process.exit', 'setTimeout(() => process.exit(7), 1000)'],
  ])('leaves no orphan after %s in its own code', async (_what, code) => {
    const preload = join(await tempFolder(), 'preload.cjs');
    await writeFile(preload, code);
    const agent = await startAgent({ env: { NODE_OPTIONS: `--require ${preload}` } });
    const envoys = await until('Envoy runs', () => agent.envoys().length > 0 && agent.envoys());
    expect(await agent.exited).not.toBe(0);
    await until('Envoy is gone', () => !envoys.some(isAlive));
  });

  it('lists every wrong flag at once, with exit code 255', async () => {
    const agent = await startAgent({ args: ['--drainDuration', 'soon', '--connectTimeout', '1h'] });
    expect(await agent.exited).toBe(255);
    for (const text of ['drainDuration', 'soon', 'connectTimeout', '1h'])
      expect(agent.output()).toContain(text);
  });
});
