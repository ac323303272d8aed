import { describe, expect, it } from 'vitest';
import { planFor } from '../../../src/mesh/envoy/resources.ts';
import { explainInbound, type InboundExplanation } from '../../../src/mesh/show/explain-inbound.ts';
import { parseShowArgs } from '../../../src/mesh/show/show-args.ts';
import { renderExplanation } from '../../../src/mesh/show/table.ts';
import { findWorkload, proxyView } from '../../../src/mesh/view/proxy-view.ts';
import { proxySettings } from '../envoy/proxy-settings.ts';
import { modelOf } from '../load-text.ts';
import { NO_IPTABLES, SERVICES, UNIX_SOCKET } from '../seed.ts';

async function way(
  port: number,
  sidecars: readonly string[],
  change: Parameters<typeof proxySettings>[0] = {},
): Promise<InboundExplanation> {
  const settings = proxySettings(change);
  const model = await modelOf(SERVICES, ...sidecars);
  const workload = findWorkload(model, 'productpage-v1.prod-us1');
  if (workload === undefined) throw new Error('the seed has no productpage');
  const view = proxyView(model, settings, workload);
  return explainInbound(port, { view, plan: planFor(view, settings), settings });
}

const told = ({ steps }: InboundExplanation) => steps.map(({ what, text }) => `${what}: ${text}`);

describe('a call to the workload', () => {
  it('on a port of its service goes to the application, by the line that names the port', async () => {
    const explanation = await way(9080, []);
    expect(explanation.outcome).toBe('application');
    expect(told(explanation)).toEqual([
      'service: productpage.prod-us1.svc.cluster.local:9080, HTTP',
      'listener: virtualInbound (15006)',
      'cluster: inbound|9080||',
      'endpoint: 127.0.0.1:9080',
    ]);
    const line = SERVICES.split('\n').findIndex((each) => each.includes('{name: http, port: 9080}')) + 1;
    expect(explanation.steps[0]?.where).toBe(`mesh.yaml:${line}`);
  });

  it('on a port of an ingress listener goes to its defaultEndpoint', async () => {
    const explanation = await way(9080, [UNIX_SOCKET]);
    expect(explanation.outcome).toBe('application');
    expect(told(explanation)).toEqual([
      'ingress: HTTP, for productpage.prod-us1.svc.cluster.local',
      'listener: virtualInbound (15006)',
      'cluster: inbound|9080||',
      'endpoint: unix:///var/run/someuds.sock',
    ]);
  });

  it('on a port with a socket of its own meets that', async () => {
    expect(told(await way(9080, [NO_IPTABLES], { interception: 'NONE' })).slice(1)).toEqual([
      'listener: 172.16.1.32_9080, with a socket of its own',
      'cluster: inbound|9080||',
      'endpoint: 127.0.0.1:8080',
    ]);
  });

  it('with TPROXY goes to the address that was called', async () => {
    expect(told(await way(9080, [], { interception: 'TPROXY' })).at(-1)).toBe(
      'endpoint: the address that the client called',
    );
  });

  it('on a port of a service that is another one of the workload says so', async () => {
    const mapped = `apiVersion: v1
kind: Service
metadata: {name: mapped, namespace: prod-us1}
spec: {selector: {app: productpage}, clusterIP: 10.96.0.9, ports: [{name: http, port: 80, targetPort: 9090}]}`;
    const { outcome, steps } = await way(80, [mapped]);
    expect(outcome).toBe('passed-on');
    expect(steps[0]?.text).toContain('; mapped.prod-us1.svc.cluster.local:80 arrives on 9090');
  });

  it('on a port that no service and no ingress listener has is passed on', async () => {
    const explanation = await way(22, []);
    expect(explanation.outcome).toBe('passed-on');
    expect(told(explanation)).toEqual([
      'service: no service of the mesh has this port of the workload',
      'listener: virtualInbound (15006)',
      'cluster: InboundPassthroughCluster',
      'endpoint: the address that the client called',
    ]);
    expect(told(await way(22, [UNIX_SOCKET]))[0]).toBe(
      'ingress: no ingress listener of Sidecar prod-us1/default is for 22',
    );
    const free = await way(22, [], { interception: 'NONE' });
    expect(free.outcome).toBe('passed-on');
    expect(told(free).at(-1)).toMatch(/^listener: none/);
  });

  it('on a port whose ingress listener cannot be had says why', async () => {
    const here = NO_IPTABLES.replace(
      'defaultEndpoint: 127.0.0.1:8080',
      'bind: 0.0.0.0\n    defaultEndpoint: 127.0.0.1:9080',
    );
    const explanation = await way(9080, [here], { interception: 'NONE' });
    expect(explanation.outcome).toBe('passed-on');
    expect(told(explanation)[1]).toMatch(/^ingress: ingress port 9080 .* is left out: .* would call itself/);
  });

  it("on one of Envoy's own ports is blocked", async () => {
    for (const port of [15_001, 15_006]) {
      const explanation = await way(port, []);
      expect(explanation.outcome).toBe('blocked');
      expect(told(explanation).at(-1)).toBe('cluster: BlackHoleCluster');
    }
  });
});

it('is asked for by the port alone, and told in a table', async () => {
  const asked = ['--meshDir', 'm', '--for', 'a.b', '--explain'];
  expect(parseShowArgs([...asked, ':9080'])).toMatchObject({
    options: { explain: { direction: 'inbound', port: 9080 } },
  });
  expect(() => parseShowArgs([...asked, ':99999'])).toThrow('--explain ":99999"');
  expect(renderExplanation(await way(9080, []), 'a.b')).toMatch(
    /^A call to a\.b:9080 goes to its application\.\nservice +productpage/,
  );
});
