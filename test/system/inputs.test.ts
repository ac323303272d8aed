import { mkdir, rename, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

/** A bootstrap override that only shows in the bootstrap. */
const override = (value: string) => JSON.stringify({ node: { metadata: { TEST: value } } });

/** A volume of a ConfigMap as the kubelet makes it: the file is a link through `..data` into a dated folder. */
async function configMap(name: string, content: string) {
  const folder = await tempFolder();
  const data = async (version: string, text: string) => {
    await mkdir(join(folder, `..${version}`));
    await writeFile(join(folder, `..${version}`, name), text);
    await symlink(`..${version}`, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
  };
  await data('v1', content);
  await symlink(join('..data', name), join(folder, name));
  return { file: join(folder, name), update: (text: string) => data('v2', text) };
}

async function sidecar(file: string) {
  const application = await startApplication();
  const { folder } = await localConfig(await freePort(), application.port);
  const agent = await startAgent({
    args: ['--localConfig', folder, '--drainDuration', '1s', '--parentShutdownDuration', '2s'],
    env: { ISTIO_BOOTSTRAP_OVERRIDE: file },
  });
  await agent.ready();
  return agent;
}

describe('a changed input of the bootstrap', () => {
  it('makes a hot restart when a ConfigMap is updated', async () => {
    const map = await configMap('override.json', override('one'));
    const agent = await sidecar(map.file);
    await map.update(override('two'));
    await agent.says('Epoch 1 is LIVE');
    expect(agent.output()).toContain(`${map.file} changed`);
    const { body } = await agent.get(agent.ports.admin, '/server_info');
    expect(body).toContain('"TEST": "two"');
  });

  it('makes none when a file is only touched, and one when it is edited in place', async () => {
    const file = join(await tempFolder(), 'override.json');
    await writeFile(file, override('one'));
    const agent = await sidecar(file);
    await utimes(file, new Date(), new Date());
    await writeFile(file, override('one'));
    await writeFile(file, override('two'));
    await agent.says('Epoch 1 is LIVE');
    expect(agent.output().match(/Hot restart to epoch/g)).toHaveLength(1);
  });

  it('that Envoy rejects changes nothing, and says so until it is mended', async () => {
    const file = join(await tempFolder(), 'override.json');
    await writeFile(file, override('one'));
    const agent = await sidecar(file);
    const envoys = agent.envoys();
    await writeFile(file, '{"no_such_field": 1}');
    await agent.says('Hot restart to epoch 1 rejected');
    const { status, body } = await agent.get(agent.ports.status, '/healthz/ready');
    expect([status, body]).toEqual([200, expect.stringContaining('no_such_field')]);
    expect(agent.envoys()).toEqual(envoys);
    expect((await agent.get(agent.ports.metrics, '/stats/prometheus')).body).toContain(
      'istio_agent_hot_restarts_total{result="rejected"} 1',
    );
    await writeFile(file, override('two'));
    await agent.says('Epoch 1 is LIVE');
    await until(
      'the note is gone',
      async () => (await agent.get(agent.ports.status, '/healthz/ready')).body === '',
    );
  });
});
