import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { PILOT_AGENT } from '../support/agent.ts';
import { localConfig } from '../support/local-config.ts';
import { freePorts } from '../support/ports.ts';
import { programsOf } from '../support/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const TEXT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\t(debug|info|warn|warning|error|critical|trace)\t/;

/** The agent and an Envoy that logs everything, with nobody reading until `read()`. */
async function talkative(args: readonly string[]) {
  const [admin = 0, status = 0, envoyStatus = 0, inbound = 0, application = 0] = await freePorts(5);
  const { folder } = await localConfig(inbound, application);
  const child = spawn(
    'sh',
    [
      ...['-c', 'exec "$@" 2>&1', 'sh', process.execPath], // Envoy logs to the other stream
      ...[PILOT_AGENT, 'proxy', '--localConfig', folder, '--configPath', `${await tempFolder()}/proxy`],
      ...['--proxyAdminPort', String(admin), '--statusPort', String(status), '--prometheusPort', '0'],
      ...['--binaryPath', (await findEnvoy(process.env)) ?? '', '--proxyLogLevel', 'trace', ...args],
    ],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        TMPDIR: await tempFolder(),
        ENVOY_STATUS_PORT: String(envoyStatus),
        TZ: 'Asia/Tokyo',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const exited = once(child, 'close');
  onTestFinished(async () => {
    child.kill('SIGSTOP');
    for (const pid of [...programsOf(child.pid ?? 0), child.pid ?? 0]) {
      if (child.exitCode === null) process.kill(pid, 'SIGKILL');
    }
    child.stdout.destroy();
    await exited;
  });
  let text = '';
  const readiness = async () => {
    const answer = await fetch(`http://127.0.0.1:${status}/healthz/ready`);
    return { status: answer.status, body: await answer.text() };
  };
  return {
    readiness,
    read: () => void child.stdout.on('data', (chunk) => (text += chunk)),
    /** Every line, from start to end. */
    end: async (): Promise<string[]> => {
      child.kill('SIGTERM');
      expect(await exited).toEqual([0, null]);
      return text.split('\n').slice(0, -1);
    },
  };
}

describe('the log', () => {
  it('loses no line of Envoy when its reader is slow, and the agent goes on answering', async () => {
    const agent = await talkative(['--log_as_json']);
    await until('Envoy waits for the reader', async () => {
      const { status, body } = await agent.readiness();
      return status === 503 && body.includes('does not answer');
    });
    agent.read();
    await until('Envoy goes on', async () => (await agent.readiness()).status === 200);
    const lines = (await agent.end()).map((line) => JSON.parse(line));
    expect(lines.length).toBeGreaterThan(500);
    expect(lines.every(({ level, time, msg }) => level && time && msg !== undefined)).toBe(true);
    expect(lines.at(-1).msg).toContain('Agent has successfully terminated');
    const envoy = lines.filter(({ scope }) => String(scope).startsWith('envoy '));
    expect(envoy.length).toBeGreaterThan(400);
  });

  it("has Istio's form, for Envoy too, in UTC wherever the machine is", async () => {
    const agent = await talkative(['--proxyLogLevel', 'info']);
    agent.read();
    await until('it is ready', async () => (await agent.readiness()).status === 200);
    const lines = await agent.end();
    const starts = lines.filter((line) => TEXT.test(line));
    expect(starts.length).toBeGreaterThan(20);
    for (const line of starts) {
      const age = Date.now() - Date.parse(line.split('\t')[0] ?? '');
      expect(age).toBeGreaterThanOrEqual(0);
      expect(age).toBeLessThan(60_000);
    }
    expect(starts.some((line) => line.includes('\tenvoy main '))).toBe(true);
  });
});
