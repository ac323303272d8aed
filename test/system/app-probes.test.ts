import { describe, expect, it, onTestFinished } from 'vitest';
import { type App, grpcApp, httpApp, tcpApp } from '../health/app-servers.ts';
import { startAgent } from '../support/agent.ts';
import type { RunningAgent } from '../support/launch.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { until } from '../support/until.ts';

function closeAfterwards(app: App): App {
  onTestFinished(() => app.close());
  return app;
}

/** The agent with these probes, as the injector hands them over. It need not be ready: kubelet probes from the start. */
async function agentWith(
  probers: Readonly<Record<string, unknown>>,
  args?: readonly string[],
): Promise<RunningAgent> {
  const nowhere = ['--discoveryAddress', `127.0.0.1:${await freePort()}`, '--controlPlaneAuthPolicy', 'NONE'];
  const agent = await startAgent({
    args: args ?? nowhere,
    env: { INSTANCE_IP: '127.0.0.1', ISTIO_KUBE_APP_PROBERS: JSON.stringify(probers) },
  });
  await until('the status port is open', () => agent.output().includes('Opening status port'));
  return agent;
}

const probe = (agent: RunningAgent, name: string) => agent.get(agent.ports.status, `/app-health/web/${name}`);

describe('the probes of an application', () => {
  it('reach it by HTTP from 127.0.0.6, with its status and the begin of its answer', async () => {
    const sources: (string | undefined)[] = [];
    const app = closeAfterwards(
      await httpApp((request, response) => {
        sources.push(request.socket.remoteAddress);
        response.statusCode = request.url === '/ready?deep=1' ? 200 : 503;
        response.end(`said ${request.headers.host}`);
      }),
    );
    const agent = await agentWith({
      '/app-health/web/readyz': { httpGet: { path: '/ready?deep=1', port: app.port }, timeoutSeconds: 1 },
      '/app-health/web/livez': {
        httpGet: { path: '/live', port: app.port, httpHeaders: [{ name: 'Host', value: 'web.example' }] },
      },
    });
    expect(await probe(agent, 'readyz')).toEqual({ status: 200, body: `said 127.0.0.1:${app.port}` });
    expect(await probe(agent, 'livez')).toEqual({ status: 503, body: 'said web.example' });
    expect(sources).toEqual(['127.0.0.6', '127.0.0.6']);
  });

  it('reach it by TCP and gRPC, and follow what it says', async () => {
    const tcp = closeAfterwards(await tcpApp((socket) => socket.end()));
    let serving = 1;
    const grpc = closeAfterwards(await grpcApp((service) => (service === 'shop' ? serving : 3)));
    const agent = await agentWith({
      '/app-health/web/livez': { tcpSocket: { port: tcp.port }, timeoutSeconds: 1 },
      '/app-health/web/readyz': { grpc: { port: grpc.port, service: 'shop' }, timeoutSeconds: 1 },
    });
    expect(await probe(agent, 'livez')).toEqual({ status: 200, body: '' });
    expect(await probe(agent, 'readyz')).toEqual({ status: 200, body: '' });
    serving = 2;
    const notServing = await probe(agent, 'readyz');
    expect(notServing.status).toBe(500);
    expect(notServing.body).toContain('NOT_SERVING');
    expect((await probe(agent, 'readyz')).status).toBe(500);
    serving = 1;
    expect((await probe(agent, 'readyz')).status).toBe(200);
  });

  it('say why they fail, in the answer and in the log', async () => {
    const port = await freePort();
    const agent = await agentWith({ '/app-health/web/startupz': { httpGet: { port }, timeoutSeconds: 1 } });
    const { status, body } = await probe(agent, 'startupz');
    expect(status).toBe(500);
    expect(body).toContain('ECONNREFUSED');
    // The log is written beside the answer.
    const line = /application probe \/app-health\/web\/startupz fails: .*ECONNREFUSED/;
    await until('the log says so', () => line.test(agent.output()));
    expect((await probe(agent, 'unknown')).status).toBe(400);
  });

  it('go on while the agent drains', async () => {
    const app = closeAfterwards(
      await httpApp((request, response) => {
        if (request.url !== '/never') response.end('alive');
      }),
    );
    const inbound = await freePort();
    const { folder } = await localConfig(inbound, app.port);
    const agent = await agentWith(
      { '/app-health/web/livez': { httpGet: { port: app.port }, timeoutSeconds: 1 } },
      ['--localConfig', folder, '--terminationDrainDuration', '60s'],
    );
    await agent.ready();
    agent.get(inbound, '/never').catch(() => {});
    await until('the request is at the application', () => app.connections().open > 0);
    agent.signal('SIGTERM');
    await until('it drains', () => agent.output().includes('Agent draining Proxy'));
    expect(await probe(agent, 'livez')).toEqual({ status: 200, body: 'alive' });
    agent.signal('SIGTERM');
    expect(await agent.exited).toBe(143);
  });
});
