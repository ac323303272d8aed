import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Registry from 'prom-client/lib/registry.js';
import type { Millis } from '../platform/duration.ts';
import { createMeshMetrics, type MeshMetrics } from './mesh-metrics.ts';
import { addProcessMetrics } from './process-metrics.ts';
import type { MetricsSource, SourceName } from './source.ts';

/** A counter of the agent, with the labels it wants. */
export interface CounterHandle<Labels extends string> {
  inc(labels: Readonly<Record<Labels, string>>, by?: number): void;
}
export interface GaugeHandle<Labels extends string> {
  set(labels: Readonly<Record<Labels, string | number>>, value: number): void;
}

/** The agent's own metrics: handles for whoever has something to count, and the source that the merge reads. */
export interface AgentMetrics {
  /** Every change of readiness; the first `true` fixes `istio_agent_startup_duration_seconds`. */
  setReady(ready: boolean): void;
  setDraining(draining: boolean): void;
  /** Connections that a drain still waits for. */
  setDrainConnections(connections: number): void;
  countHotRestart(result: string): void;
  countEnvoyRestart(): void;

  /** For `--meshDir`; its families are there from then on. */
  mesh(): MeshMetrics;

  countScrape(): void;
  readonly scrapeFailures: CounterHandle<'type' | 'reason'>;
  readonly scrapeDiscarded: CounterHandle<'type' | 'reason'>;
  readonly scrapeUp: GaugeHandle<'type' | 'target'>;
  readonly scrapeSeconds: GaugeHandle<'type' | 'target'>;
  readonly scrapeBytes: GaugeHandle<'type' | 'target'>;
  readonly scrapeSamples: GaugeHandle<'type' | 'target'>;

  readonly source: MetricsSource;
  /** Whether the agent has a family of that name. */
  has(family: string): boolean;
}

const SOURCE_LABELS = ['type', 'target'] as const;
/** Of every family of the agent: `istio_agent_...` and `istio_build`. */
const PREFIX = 'istio_';

/**
 * Makes the agent's metrics in a registry of their own.
 * @param clock milliseconds since the process began (`performance.now`)
 */
export function createAgentMetrics(version: string, clock: () => Millis): AgentMetrics {
  // The registry always renders text: in OpenMetrics prom-client renames its counters for good (client_js#829).
  const registry = new Registry();
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers: [registry] });
  const gauge = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames: [...labelNames], registers: [registry] });

  const startup = gauge(
    'istio_agent_startup_duration_seconds',
    'Seconds from the start of the agent until the proxy was first ready.',
  );
  // Absent until it is known, as in Istio.
  startup.remove();
  const ready = gauge('istio_agent_ready', 'Whether the proxy was ready when last asked.');
  const draining = gauge('istio_agent_draining', 'Whether the agent is draining the proxy.');
  const drainConnections = gauge(
    'istio_agent_drain_connections',
    'Connections that a drain is still waiting for.',
  );
  const hotRestarts = counter('istio_agent_hot_restarts_total', 'Hot restarts of Envoy, by result.', [
    'result',
  ]);
  const envoyRestarts = counter(
    'istio_agent_envoy_restarts_total',
    'Times that Envoy was started again after its end.',
  );
  const scrapes = counter('istio_agent_scrapes_total', 'Scrapes of the merged metrics.');
  const scrapeFailures = counter(
    'istio_agent_scrape_failures_total',
    'Scrapes of a source that gave nothing or not everything, by source and reason.',
    ['type', 'reason'],
  );
  const scrapeDiscarded = counter(
    'istio_agent_scrape_discarded_total',
    'Lines, series and families that were left out of the merged metrics, by source and reason.',
    ['type', 'reason'],
  );
  const scrapeGauge = (name: string, help: string) =>
    gauge(`istio_agent_scrape_${name}`, help, SOURCE_LABELS);
  for (const name of ['istio_agent_build_info', 'istio_build']) {
    gauge(name, 'Always 1; the version of the agent.', ['component', 'tag']).set(
      { component: 'proxy', tag: version },
      1,
    );
  }
  addProcessMetrics(registry);

  let wasReady = false;
  return {
    setReady(isReady) {
      ready.set(isReady ? 1 : 0);
      if (isReady && !wasReady) startup.set(clock() / 1_000);
      wasReady ||= isReady;
    },
    setDraining: (isDraining) => draining.set(isDraining ? 1 : 0),
    setDrainConnections: (connections) => drainConnections.set(connections),
    countHotRestart: (result) => hotRestarts.inc({ result }),
    countEnvoyRestart: () => envoyRestarts.inc(),
    mesh: () => createMeshMetrics(registry),
    countScrape: () => scrapes.inc(),
    scrapeFailures,
    scrapeDiscarded,
    scrapeUp: scrapeGauge('up', 'Whether the last scrape of the source gave everything.'),
    scrapeSeconds: scrapeGauge('duration_seconds', 'Seconds that the last scrape of the source took.'),
    scrapeBytes: scrapeGauge('bytes', 'Size of what the source last gave, unpacked.'),
    scrapeSamples: scrapeGauge('samples', 'Samples that the source last gave.'),
    source: {
      name: 'agent' satisfies SourceName,
      target: 'agent',
      open: async () => {
        const text = Buffer.from(await registry.metrics());
        return { format: 'text', read: async (onChunk) => onChunk(text) };
      },
    },
    has: (family) => family.startsWith(PREFIX) && registry.getSingleMetric(family) !== undefined,
  };
}
