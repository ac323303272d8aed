import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { inboundListener } from '../support/xds-resources.ts';

async function fileWith(name: string, text: string): Promise<string> {
  const path = join(await tempFolder(), name);
  await writeFile(path, text, { mode: 0o644 });
  return path;
}

/** A bootstrap that somebody wrote: one listener that answers by itself. The agent must be able to ask the admin interface. */
async function writtenByHand(admin: number, inbound: number): Promise<string> {
  const listener = inboundListener(inbound, {});
  const [host] = listener.filter_chains[0]?.filters[0]?.typed_config.route_config.virtual_hosts ?? [];
  if (host === undefined) throw new Error('the listener has no virtual host');
  host.routes = [
    { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'by hand' } } } as never,
  ];
  const { '@type': _, ...resource } = listener;
  return fileWith(
    'envoy.yaml',
    `# Written by hand
admin: { address: { socket_address: { address: 127.0.0.1, port_value: ${admin} } } }
static_resources: { listeners: [${JSON.stringify(resource)}] }
`,
  );
}

describe('--customConfigFile', () => {
  it('is what Envoy runs with, copied as it stands', async () => {
    const [admin, inbound] = [await freePort(), await freePort()];
    const custom = await writtenByHand(admin, inbound);
    const agent = await startAgent({
      args: ['--proxyAdminPort', String(admin), '--customConfigFile', custom],
    });
    await agent.ready();
    expect((await agent.get(inbound, '/')).body).toBe('by hand');
    const copy = await readFile(join(agent.configPath, 'envoy-rev0.yaml'), 'utf8');
    expect(copy).toBe(await readFile(custom, 'utf8'));
    agent.signal('SIGTERM');
    expect(await agent.exited).toBe(0);
    expect(await readFile(custom, 'utf8')).toBe(copy);
  });

  it('takes an override too', async () => {
    const [admin, inbound] = [await freePort(), await freePort()];
    const custom = await writtenByHand(admin, inbound);
    const override = await fileWith('override.yaml', 'node: { id: mine, cluster: "at $(HOST_IP)" }');
    const agent = await startAgent({
      args: ['--proxyAdminPort', String(admin), '--customConfigFile', custom],
      env: { ISTIO_BOOTSTRAP_OVERRIDE: override, HOST_IP: 'fd00::1' },
    });
    await agent.ready();
    const copy = JSON.parse(await readFile(join(agent.configPath, 'envoy-rev0.json'), 'utf8'));
    expect(copy.node).toEqual({ id: 'mine', cluster: 'at [fd00::1]' });
    expect(copy.static_resources.listeners).toHaveLength(1);
  });

  it('that cannot be read is named', async () => {
    const agent = await startAgent({ args: ['--customConfigFile', '/nonexistent/envoy.yaml'] });
    expect(await agent.exited).not.toBe(0);
    expect(agent.output()).toContain('/nonexistent/envoy.yaml (--customConfigFile)');
  });
});

describe('ISTIO_BOOTSTRAP_OVERRIDE', () => {
  it('is merged into the bootstrap, as its files say', async () => {
    const application = await startApplication();
    const inbound = await freePort();
    const { folder } = await localConfig(inbound, application.port);
    const override = await fileWith(
      'override.yaml',
      `layered_runtime: { layers: [{ name: mine, static_layer: { some.key: "$(HOST_IP)" } }] }`,
    );
    const agent = await startAgent({
      args: ['--localConfig', folder],
      env: { ISTIO_BOOTSTRAP_OVERRIDE: override, HOST_IP: '10.11.0.1' },
    });
    await agent.ready();
    expect((await agent.get(inbound, '/')).body).toBe('hello');
    const { body } = await agent.get(agent.ports.admin, '/runtime?format=json');
    expect(JSON.parse(body).entries['some.key'].final_value).toBe('10.11.0.1');
    expect(JSON.parse(body).layers).toContain('global config');
  });
});
