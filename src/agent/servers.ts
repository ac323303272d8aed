import type { NodeIdentity } from '../bootstrap/identity.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { cachedProbe } from '../health/cached-probe.ts';
import { askEnvoy, type ConfigSource } from '../health/envoy-readiness.ts';
import type { Readiness } from '../health/readiness.ts';
import { startStatusServer } from '../health/status-server.ts';
import { createMetricsHandler } from '../metrics/handler.ts';
import type { AgentMetrics } from '../metrics/registry.ts';
import { startMetricsServer } from '../metrics/server.ts';
import { createSources } from '../metrics/sources.ts';
import type { Closable } from '../platform/closable.ts';
import { millis } from '../platform/duration.ts';
import type { Logger } from '../platform/logger.ts';
import type { Admins } from './admins.ts';
import { activeEpoch, type Effect } from './epochs/state.ts';
import { knownReadiness, restartNote } from './readiness.ts';
import { restartRoute } from './restart-route.ts';
import type { Supervisor } from './supervisor.ts';
import type { Triggers } from './triggers.ts';

export interface ServersOptions {
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  readonly admins: Admins;
  readonly supervisor: Supervisor;
  readonly triggers: Triggers;
  /** Certificate files that the way to the control plane lacks. */
  readonly missingSecrets: () => readonly string[];
  readonly metrics: AgentMetrics;
  /** The outcome of the last hot restart. */
  readonly lastRestart: () =>
    | Pick<Extract<Effect, { readonly kind: 'record' }>, 'outcome' | 'reason'>
    | undefined;
  readonly log: Logger;
}

/** How long an answer of Envoy's serves further probes: kubelet, Envoy's own status listener and people may ask at once. */
const READINESS_MAX_AGE = millis(100);

/**
 * Starts what the agent answers on: status and metrics. Either both are there or none.
 * @throws EnvironmentError naming the port and its flag
 */
export async function startServers(options: ServersOptions): Promise<Closable> {
  const { config, supervisor } = options;
  const log = options.log.scope('healthcheck');
  const open: Closable[] = [];
  const close = async () => {
    for (const each of open) await each.close();
  };
  const scraped = createMetricsHandler({
    metrics: options.metrics,
    sources: createSources(config, () => currentAdmin(options)),
    localhostOnly: config.metricsLocalhostAccessOnly,
    log: options.log.scope('metrics'),
  });
  try {
    if (config.prometheusPort !== 0) {
      open.unshift(
        await startMetricsServer({
          port: config.prometheusPort,
          setting: '--prometheusPort',
          handler: scraped,
          onError: (error) => options.log.scope('metrics').error(`a scrape failed: ${error.message}`),
          ...(config.metricsLocalhostAccessOnly ? { host: options.identity.localhost } : {}),
        }),
      );
    }
    if (config.statusPort !== 0) {
      const deps = {
        readiness: readinessOf(options),
        live: () => ({ alive: true }) as const,
        metrics: scraped,
        quit: () => supervisor.dispatch({ kind: 'quit' }),
        drain: async () => supervisor.dispatch({ kind: 'drain-asked' }),
        log,
        appProbers: config.appProbers,
        proberOptions: {
          instanceIp: config.instanceIp,
          localhostDestination: config.probeLocalhostDestination,
          statusPort: config.statusPort,
          http2: config.probeHttp2,
          keepAlive: config.probeKeepAlive,
        },
      };
      open.unshift(
        await startStatusServer({
          port: config.statusPort,
          deps,
          extraRoutes: new Map([['/restart', restartRoute(options.triggers)]]),
        }),
      );
      options.log.info(`Opening status port ${config.statusPort}`);
    }
    return { close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** Readiness: what the supervisor knows, else what Envoy says, else what is missing on the way to the control plane. */
function readinessOf(options: ServersOptions): () => Promise<Readiness> {
  const { config, supervisor, missingSecrets, metrics } = options;
  const source: ConfigSource =
    config.localConfig === undefined
      ? { kind: 'xds', address: config.discoveryAddress }
      : { kind: 'files', folder: config.localConfig };
  const ask = cachedProbe(
    () => askEnvoy(currentAdmin(options), source),
    READINESS_MAX_AGE,
    () => performance.now(),
  );
  const answer = async (): Promise<Readiness> => {
    const known = knownReadiness(supervisor.state());
    if (known !== undefined) return known;
    const said = await ask();
    const missing = missingSecrets();
    if (said.ready) {
      const notes = [said.note, restartNote(options.lastRestart())].filter((note) => note !== undefined);
      return { ready: true, note: notes.length === 0 ? undefined : notes.join('; ') };
    }
    if (missing.length === 0) return said;
    return { ready: false, reason: `${said.reason}; certificates are missing: ${missing.join(', ')}` };
  };
  return async () => {
    const readiness = await answer();
    metrics.setReady(readiness.ready);
    return readiness;
  };
}

/** The admin of the Envoy that serves, or that is the first to start. */
function currentAdmin({ admins, supervisor }: ServersOptions) {
  const state = supervisor.state();
  return admins.of(activeEpoch(state) ?? state.epochs.at(-1) ?? { family: 0, number: 0 });
}
