import { describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { inboundListener } from '../support/xds-resources.ts';

describe('a sidecar from local files', () => {
  it('carries traffic to its application, and answers readiness on both ports', async () => {
    const application = await startApplication();
    const inbound = await freePort();
    const { folder } = await localConfig(inbound, application.port);
    const agent = await startAgent({ args: ['--localConfig', folder] });
    await agent.ready();
    expect(await agent.get(inbound, '/')).toEqual({ status: 200, body: 'hello' });
    expect(application.requests()).toBe(1);
    expect((await agent.get(agent.ports.envoyStatus, '/healthz/ready')).status).toBe(200);
    expect((await agent.get(agent.ports.status, '/healthz/live')).status).toBe(200);
  });

  it('takes a changed file without a restart', async () => {
    const application = await startApplication();
    const inbound = await freePort();
    const { folder, write } = await localConfig(inbound, application.port);
    const agent = await startAgent({ args: ['--localConfig', folder] });
    await agent.ready();
    const before = agent.envoys();
    const teapot = { status: 418, body: { inline_string: 'teapot' } };
    const listener = inboundListener(inbound, {});
    const [filter] = listener.filter_chains[0]?.filters ?? [];
    const [host] = filter?.typed_config.route_config.virtual_hosts ?? [];
    if (host === undefined) throw new Error('the listener has no virtual host');
    host.routes = [{ match: { prefix: '/' }, direct_response: teapot } as never];
    await write('lds.yaml', { resources: [listener] });
    await until('the new answer comes', async () => (await agent.get(inbound, '/')).status === 418);
    expect(agent.envoys()).toEqual(before);
  });

  it('says what is missing as long as there is no configuration', async () => {
    const application = await startApplication();
    const inbound = await freePort();
    const { folder, write } = await localConfig(inbound, application.port);
    await write('lds.yaml', {
      resources: [{ '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', nonsense: 1 }],
    });
    const agent = await startAgent({ args: ['--localConfig', folder] });
    const answer = await until('there is a reason', async () => {
      const { status, body } = await agent.get(agent.ports.status, '/healthz/ready');
      return status === 503 && body.includes('rejected') && body;
    });
    expect(answer).toContain(folder);
    await write('lds.yaml', { resources: [inboundListener(inbound, { cluster: 'app' })] });
    await agent.ready();
    expect((await agent.get(inbound, '/')).body).toBe('hello');
  });
});
