import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type { StatusReport } from '../../src/health/status-report.ts';
import { PILOT_AGENT, startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

it('the status of a real sidecar tells of its processes, a hot restart and a crash', async () => {
  const application = await startApplication();
  const inbound = await freePort();
  const { folder } = await localConfig(inbound, application.port);
  const agent = await startAgent({ args: ['--localConfig', folder] });
  await agent.ready();
  const status = async (): Promise<StatusReport> =>
    JSON.parse((await agent.get(agent.ports.status, '/status')).body);
  const client = connect(inbound, '127.0.0.1');
  client.on('error', () => {});
  try {
    const first = await until('the client is counted', async () => {
      const [epoch] = (await status()).epochs;
      return epoch?.connections === 1 && epoch;
    });
    expect(first).toMatchObject({ epoch: 0, phase: 'serving', pid: agent.envoys()[0] });
    expect(first.residentBytes).toBeGreaterThan(10 * 2 ** 20);

    agent.signal('SIGHUP');
    const hot = await until('epoch 1 serves', async () => {
      const report = await status();
      return report.epochs[1]?.phase === 'serving' && report;
    });
    expect(hot.restarts).toMatchObject([{ triggers: ['SIGHUP'], outcome: 'live', epoch: 1 }]);

    process.kill(hot.epochs[1]?.pid ?? -1, 'SIGKILL');
    const again = await until('it has recovered', async () => {
      const report = await status();
      return report.restarts.length === 2 && report;
    });
    const triggers = [expect.stringMatching(/^Envoy ended: signal SIGKILL/)];
    expect(again.restarts[0]).toMatchObject({ triggers, outcome: 'live' });
    const gone = again.epochs.find(({ key }) => key === hot.epochs[1]?.key);
    expect(gone).toMatchObject({ epoch: 1, phase: 'gone', pid: hot.epochs[1]?.pid });

    const args = [PILOT_AGENT, 'status', '--statusPort', String(agent.ports.status)];
    expect((await run(process.execPath, args)).stdout).toMatch(/live +1 +\d.* SIGHUP\n/);
    expect((await agent.get(agent.ports.status, '/')).body).toContain('<title>pilot-agent</title>');
  } finally {
    client.destroy();
  }
});
