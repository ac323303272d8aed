import { describe, expect, it } from 'vitest';
import { createAgentMetrics } from '../../src/metrics/registry.ts';
import { type Millis, millis } from '../../src/platform/duration.ts';
import { readExposition } from './exposition.ts';
import { merged, OPENMETRICS, sampleValue } from './support.ts';

async function render(metrics: ReturnType<typeof createAgentMetrics>): Promise<string> {
  const request = { format: 'text', query: '', userAgent: undefined, deadline: millis(1) } as const;
  const { read } = await metrics.source.open(request, new AbortController().signal);
  let text = '';
  await read((chunk) => {
    text += chunk.toString();
    return undefined;
  });
  return text;
}
const create = (clock: () => Millis = () => millis(0)) => createAgentMetrics('1.2.3', clock);

describe("the agent's own metrics", () => {
  it('keep to their prefix, so that they clash with nobody', async () => {
    const names = [...(await render(create())).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => !/^istio_(agent_|build$)/.test(name ?? ''))).toEqual([]);
    expect(names.every((name) => create().has(name ?? ''))).toBe(true);
    expect(create().has('envoy_server_live')).toBe(false);
  });

  it('say how long the start took, once it is over', async () => {
    let now = 250;
    const metrics = create(() => millis(now));
    const duration = async () => sampleValue(await render(metrics), 'istio_agent_startup_duration_seconds');
    expect(await duration()).toBeUndefined();
    metrics.setReady(false);
    expect(await duration()).toBeUndefined();
    metrics.setReady(true);
    now = 9_000;
    metrics.setReady(false);
    metrics.setReady(true);
    expect(await duration()).toBe(0.25);
  });

  it('count and show what happens', async () => {
    const metrics = create();
    metrics.setReady(true);
    metrics.setDraining(true);
    metrics.setDrainConnections(7);
    metrics.countHotRestart('success');
    metrics.countEnvoyRestart();
    const text = await render(metrics);
    const series = {
      istio_agent_ready: 1,
      istio_agent_draining: 1,
      istio_agent_drain_connections: 7,
      'istio_agent_hot_restarts_total{result="success"}': 1,
      istio_agent_envoy_restarts_total: 1,
      'istio_agent_build_info{component="proxy",tag="1.2.3"}': 1,
      'istio_build{component="proxy",tag="1.2.3"}': 1,
    };
    for (const [name, value] of Object.entries(series))
      expect([name, sampleValue(text, name)]).toEqual([name, value]);
  });

  it('say what the agent costs', async () => {
    const text = await render(create());
    const own = (name: string) => sampleValue(text, `istio_agent_process_${name}`) ?? Number.NaN;
    expect(own('cpu_seconds_total')).toBeGreaterThan(0);
    expect(own('resident_memory_bytes')).toBeGreaterThan(1e6);
    expect(own('open_fds')).toBeGreaterThan(2);
    expect(own('max_fds')).toBeGreaterThanOrEqual(own('open_fds'));
    expect(Math.abs(own('start_time_seconds') - Date.now() / 1_000)).toBeLessThan(3_600);
  });

  it('stay the same when formats alternate', async () => {
    const merge = await merged([]);
    const counters = async (accept?: string) => {
      const { text } = await merge.scrape(accept === undefined ? {} : { accept });
      return readExposition(text, accept === undefined ? 'text' : 'openmetrics').samples.map(
        (line) => line.split(' ', 1)[0],
      );
    };
    const first = await counters();
    expect(await counters(OPENMETRICS)).toEqual(first);
    expect(await counters()).toEqual(first);
  });
});
