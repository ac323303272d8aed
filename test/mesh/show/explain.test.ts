import { describe, expect, it } from 'vitest';
import { planFor } from '../../../src/mesh/envoy/resources.ts';
import { type Explanation, explain } from '../../../src/mesh/show/explain.ts';
import { renderExplanation, renderMesh } from '../../../src/mesh/show/table.ts';
import { findWorkload, proxyView } from '../../../src/mesh/view/proxy-view.ts';
import { proxySettings } from '../envoy/proxy-settings.ts';
import { modelOf } from '../load-text.ts';
import { NAMESPACES_ONLY, SERVICES, UNIX_SOCKET } from '../seed.ts';

async function scene(sidecar: string, change: Parameters<typeof proxySettings>[0] = {}) {
  const settings = proxySettings(change);
  const model = await modelOf(SERVICES, sidecar);
  const workload = findWorkload(model, 'productpage-v1.prod-us1');
  if (workload === undefined) throw new Error('the seed has no productpage');
  const view = proxyView(model, settings, workload);
  return { settings, model, view, plan: planFor(view, settings) };
}

async function way(
  to: string,
  sidecar: string,
  change: Parameters<typeof proxySettings>[0] = {},
): Promise<Explanation> {
  const [host = '', port = ''] = to.split(':');
  return explain({ host, port: Number(port) }, await scene(sidecar, change));
}

const told = ({ steps }: Explanation) => steps.map(({ what, text }) => `${what}: ${text}`);

describe('a call', () => {
  it('to a service goes by its listener, route and cluster, each with its reason', async () => {
    const { outcome, steps } = await way('ratings.prod-apis:9080', NAMESPACES_ONLY);
    expect(outcome).toBe('service');
    expect(steps.map(({ what }) => what)).toEqual([
      'service',
      'seen',
      'listener',
      'route',
      'cluster',
      'endpoint',
    ]);
    const text = [SERVICES, NAMESPACES_ONLY].join('\n---\n').split('\n');
    const line = text.findIndex((each) => each.includes('"prod-apis/*"')) + 1;
    expect(steps[1]).toEqual({ what: 'seen', text: 'egress host "prod-apis/*"', where: `mesh.yaml:${line}` });
    expect(steps[4]?.text).toBe('outbound|9080||ratings.prod-apis.svc.cluster.local');
  });

  it.each(['reviews:9080', 'reviews.prod-us1.svc:9080', '10.96.0.2:9080'])(
    'to %s is one to reviews',
    async (to) => {
      expect(told(await way(to, NAMESPACES_ONLY))).toContain(
        'cluster: outbound|9080||reviews.prod-us1.svc.cluster.local',
      );
    },
  );

  it('to a TCP port goes by a listener of its address', async () => {
    const steps = told(await way('reviews:7000', NAMESPACES_ONLY));
    expect(steps).toContain('listener: 10.96.0.2_7000, TCP');
    expect(steps.some((each) => each.startsWith('route'))).toBe(false);
  });

  it('to what the Sidecar leaves out says so', async () => {
    const { outcome, steps } = await way('mysql.foo.com:3306', NAMESPACES_ONLY, {
      outboundTrafficPolicy: 'REGISTRY_ONLY',
    });
    expect(outcome).toBe('blocked');
    expect(steps[0]?.text).toBe('no egress host of Sidecar prod-us1/default lets ns1/mysql.foo.com in');
    expect(steps.at(-2)?.text).toBe('BlackHoleCluster');
  });

  it('to a port that another listener has meets that listener', async () => {
    const explanation = await way('tele.istio-system:9080', UNIX_SOCKET);
    expect(explanation.outcome).toBe('passed-on');
    expect(told(explanation)).toContain('listener: 0.0.0.0_9080 has the port, and does not lead there');
  });

  it('to another port of a service, and to a name that nobody has, is said to be one', async () => {
    expect(told(await way('reviews:1', NAMESPACES_ONLY))[0]).toMatch(
      /^seen: reviews\.prod-us1\.\S+ has no port 1, but 9080/,
    );
    const nobody = await way('example.com:443', NAMESPACES_ONLY);
    expect(told(nobody).slice(0, 2)).toEqual([
      'service: no service of the mesh is called example.com',
      'listener: virtualOutbound (15001)',
    ]);
  });

  it('that nothing captures goes where it is sent', async () => {
    expect((await way('example.com:443', NAMESPACES_ONLY, { interception: 'NONE' })).outcome).toBe(
      'passed-on',
    );
  });
});

it('is a table for people that no name of a file can disturb', async () => {
  const { view, plan, settings } = await scene(UNIX_SOCKET);
  const text = renderMesh(view, plan, settings, ['a warning \x1b[31mred']);
  expect(text).toMatch(/^0\.0\.0\.0_9080 +HTTP +route 9080: productpage\S+, reviews\S+ +mesh\.yaml:\d+$/m);
  expect(text).toMatch(/^172\.16\.1\.32_9080 +HTTP +unix:\/\/\/var\/run\/someuds\.sock/m);
  expect(text).toMatch(
    /^tele\.istio-system\S+ +9080 HTTP, 8888 HTTP +0 +mesh\.yaml:\d+ +istio-system\/\* mesh\.yaml:\d+$/m,
  );
  expect(text).toContain('! a warning  [31mred');
  expect(renderExplanation(await way('reviews:9080', UNIX_SOCKET), 'a.b')).toMatch(
    /^A call from a\.b to reviews:9080 goes to a service\.\nservice +reviews/,
  );
});
