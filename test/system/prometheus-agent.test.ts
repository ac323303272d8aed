import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { readExposition } from '../metrics/exposition.ts';
import { startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import { localConfig } from '../support/local-config.ts';
import { freePort } from '../support/ports.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { hasTool } from '../support/tools.ts';
import { until } from '../support/until.ts';

const METRICS = `# HELP shop_orders_total Orders taken.
# TYPE shop_orders_total counter
shop_orders_total{kind="book"} 41
`;

/** A sidecar before an application that has metrics too, and some requests through it. */
async function sidecar() {
  const application = await startApplication((request, response) => {
    const wanted = request.url === '/shop/metrics';
    if (wanted) response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(wanted ? METRICS : 'hello');
  });
  const inbound = await freePort();
  const { folder } = await localConfig(inbound, application.port);
  const agent = await startAgent({
    args: ['--localConfig', folder],
    env: {
      ISTIO_PROMETHEUS_ANNOTATIONS: JSON.stringify({
        scrape: 'true',
        port: String(application.port),
        path: '/shop/metrics',
      }),
    },
  });
  await agent.ready();
  for (let sent = 0; sent < 5; sent += 1) expect((await agent.get(inbound, '/')).status).toBe(200);
  return agent;
}

describe.runIf(hasTool('prometheus') && hasTool('promtool'))('the metrics of a sidecar', () => {
  it('come to a real Prometheus from agent, Envoy and application, on both ports', async () => {
    const { ports } = await sidecar();
    const prometheus = await startPrometheus([
      { job: 'metrics', port: ports.metrics, path: '/stats/prometheus' },
      { job: 'status', port: ports.status, path: '/metrics' },
    ]);
    expect(Object.fromEntries(await prometheus.health())).toEqual({ metrics: 'up', status: 'up' });
    const value = async (expression: string) => (await prometheus.query(expression))[0]?.value;
    for (const job of ['metrics', 'status']) {
      expect(await value(`shop_orders_total{job="${job}", kind="book"}`)).toBe(41);
      expect(await value(`envoy_server_live{job="${job}"}`)).toBe(1);
      expect(await value(`istio_agent_ready{job="${job}"}`)).toBe(1);
      await until('the requests are counted', async () => {
        const labels = `job="${job}", cluster_name="app", response_code_class="2xx"`;
        return (await value(`envoy_cluster_upstream_rq{${labels}}`)) === 5;
      });
      expect(await value(`min(istio_agent_scrape_up{job="${job}"})`)).toBe(1);
      expect(await value(`scrape_samples_scraped{job="${job}"}`)).toBeGreaterThan(500);
    }
    expect(prometheus.warnings()).toEqual([]);
  });

  it('can be read by promtool, which finds nothing to say of those that are ours', async () => {
    const agent = await sidecar();
    const { status, body } = await agent.get(agent.ports.status, '/stats/prometheus');
    expect(status).toBe(200);
    readExposition(body, 'text');
    const { all, exitCode } = await execa('promtool', ['check', 'metrics'], {
      input: body,
      reject: false,
      all: true,
    });
    // 1: it cannot read them; 3: it dislikes names, and Envoy's are such. There is nothing to dislike in ours.
    expect([0, 3]).toContain(exitCode);
    expect(all.split('\n').filter((line) => /^(istio_agent|shop)_/.test(line))).toEqual([]);
  });
});
