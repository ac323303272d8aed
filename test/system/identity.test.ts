import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { PILOT_AGENT } from '../support/agent.ts';
import { type Child, startChild } from '../support/child.ts';
import { localConfig } from '../support/local-config.ts';
import { type Pod, startPod } from '../support/pod.ts';
import { argumentsOf, programsOf } from '../support/processes.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { isRoot } from '../support/tools.ts';
import { until } from '../support/until.ts';

/** The agent on its own ports in a pod with these addresses, ready. */
async function sidecar(
  addresses: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly pod: Pod; readonly agent: Child; readonly bootstrap: Bootstrap }> {
  const pod = await startPod('identity', addresses);
  const { folder } = await localConfig(15006, 9080);
  const configPath = `${await tempFolder()}/proxy`;
  const envoy = await findEnvoy(process.env);
  const agent = startChild(
    pod.enter(
      ...[process.execPath, PILOT_AGENT, 'proxy', '--concurrency', '1'],
      ...['--binaryPath', envoy ?? '', '--localConfig', folder, '--configPath', configPath],
    ),
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        POD_NAME: 'web-0',
        POD_NAMESPACE: 'shop',
        TMPDIR: await tempFolder(),
        ...env,
      },
    },
  );
  await until('the agent says that Envoy is live', () => agent.output().includes('Epoch 0 is LIVE'));
  return { pod, agent, bootstrap: JSON.parse(await readFile(`${configPath}/envoy-rev0.json`, 'utf8')) };
}

interface Bootstrap {
  readonly node: { readonly id: string; readonly metadata: Readonly<Record<string, unknown>> };
}

const SUFFIX = 'web-0.shop~shop.svc.cluster.local';
const versionOf = ({ pid }: Child) => {
  const args = argumentsOf(programsOf(pid)[0] ?? 0);
  return args[args.indexOf('--local-address-ip-version') + 1];
};

describe.runIf(isRoot)('a pod', () => {
  it('with IPv6 alone has its admin interface on ::1, and is ready on the pod address', async () => {
    const { pod, agent, bootstrap } = await sidecar(['fd00:11::5/64']);
    expect(bootstrap.node.id).toBe(`sidecar~fd00:11::5~${SUFFIX}`);
    expect(versionOf(agent)).toBe('v6');
    expect(JSON.parse((await pod.get('http://[::1]:15000/server_info')).body)).toMatchObject({
      state: 'LIVE',
    });
    await expect(pod.get('http://127.0.0.1:15000/server_info')).rejects.toThrow('ECONNREFUSED');
    for (const port of [15020, 15021]) {
      expect(await pod.get(`http://[fd00:11::5]:${port}/healthz/ready`)).toEqual({ status: 200, body: '' });
    }
    const { body } = await pod.get('http://[fd00:11::5]:15090/stats/prometheus');
    expect(body).toMatch(/^istio_agent_ready 1$/m);
    expect(body).toMatch(/^envoy_server_live\{\} 1$/m);
  });

  it('with IPv4 alone is IPv4', async () => {
    const { pod, agent, bootstrap } = await sidecar(['10.11.0.5/24']);
    expect(bootstrap.node.id).toBe(`sidecar~10.11.0.5~${SUFFIX}`);
    expect(versionOf(agent)).toBe('v4');
    expect(await pod.get('http://10.11.0.5:15021/healthz/ready')).toEqual({ status: 200, body: '' });
  });

  it('with both is IPv4 unless dual stack was asked for', async () => {
    const { agent, bootstrap } = await sidecar(['fd00:11::5/64', '10.11.0.5/24'], {
      INSTANCE_IP: '10.11.0.5',
    });
    expect(bootstrap.node.id).toBe(`sidecar~10.11.0.5~${SUFFIX}`);
    expect(bootstrap.node.metadata['INSTANCE_IPS']).toBe('10.11.0.5,fd00:11::5');
    expect(versionOf(agent)).toBe('v4');
  });

  it('with dual stack is probed and scraped on both', async () => {
    const { pod, bootstrap } = await sidecar(['10.11.0.5/24', 'fd00:11::5/64'], {
      INSTANCE_IP: 'fd00:11::5',
      ISTIO_DUAL_STACK: 'true',
    });
    expect(bootstrap.node.id).toBe(`sidecar~fd00:11::5~${SUFFIX}`);
    for (const host of ['10.11.0.5', '[fd00:11::5]']) {
      for (const port of [15020, 15021]) {
        expect(await pod.get(`http://${host}:${port}/healthz/ready`)).toEqual({ status: 200, body: '' });
      }
      expect((await pod.get(`http://${host}:15090/stats/prometheus`)).status).toBe(200);
    }
  });

  it('without any address but loopback is reached on loopback', async () => {
    const { pod, bootstrap } = await sidecar([]);
    expect(bootstrap.node.id).toBe(`sidecar~127.0.0.1~${SUFFIX}`);
    expect(bootstrap.node.metadata['INSTANCE_IPS']).toBe('127.0.0.1,::1');
    expect((await pod.get('http://127.0.0.1:15021/healthz/ready')).status).toBe(200);
  });
});
