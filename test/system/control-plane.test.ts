import { describe, expect, it } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { until } from '../support/until.ts';

const XDS = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';
const CLUSTERS = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';
const LISTENERS = 'type.googleapis.com/envoy.config.listener.v3.Listener';

describe('a control plane in plain text', () => {
  it('is asked by Envoy under the name of this proxy, and makes it ready when it answers', async () => {
    const controlPlane = await startControlPlane();
    const agent = await startAgent({
      args: ['--discoveryAddress', `127.0.0.1:${controlPlane.port}`, '--controlPlaneAuthPolicy', 'NONE'],
      env: { POD_NAME: 'web-0', POD_NAMESPACE: 'shop', INSTANCE_IP: '10.1.2.3' },
    });
    const first = await until('Envoy asks', () => controlPlane.requests()[0]);
    expect(first).toEqual({
      path: XDS,
      typeUrl: CLUSTERS,
      nodeId: 'sidecar~10.1.2.3~web-0.shop~shop.svc.cluster.local',
    });
    const { status, body } = await until('readiness asks Envoy', async () => {
      const answer = await agent.get(agent.ports.status, '/healthz/ready');
      return answer.body.includes('XDS') && answer;
    });
    expect(status).toBe(503);
    expect(body).toContain(
      `config not received from XDS server (is Istiod running?): cds updates: 0 successful`,
    );
    expect(body).toContain(`127.0.0.1:${controlPlane.port}`);

    controlPlane.answer();
    await agent.ready();
    expect(controlPlane.requests().map(({ typeUrl }) => typeUrl)).toContain(LISTENERS);
    expect((await agent.get(agent.ports.envoyStatus, '/healthz/ready')).status).toBe(200);
    agent.signal('SIGTERM');
    expect(await agent.exited).toBe(0);
  });
});
