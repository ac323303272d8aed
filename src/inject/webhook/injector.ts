/** The spine of `injector`: opens every part, and closes them in the reverse order. */
import type { Closable } from '../../platform/closable.ts';
import { toError } from '../../platform/errors.ts';
import { type HttpServer, startHttpServer } from '../../platform/http-server.ts';
import type { Logger } from '../../platform/logger.ts';
import type { InjectionSettings } from '../settings.ts';
import { createBodyReader } from './body.ts';
import { keepCaBundle, type WebhookConfigurations } from './ca-bundle.ts';
import type { InjectorOptions } from './injector-args.ts';
import { createInjectorMetrics, type InjectorMetrics } from './metrics.ts';
import { monitoringRoutes, webhookRoutes } from './routes.ts';
import { type HttpsServer, startHttpsServer } from './server.ts';
import { loadKeyPair, type Reload, reloadOnChange, type SourceFile, settingsLoader } from './sources.ts';

/** Of all bodies that are being read at a time. */
const BODY_ROOM = 64 * 1024 * 1024;

export interface Injector extends Closable {
  readonly port: number;
  /** Undefined when there is none. */
  readonly monitoringPort: number | undefined;
}

export interface InjectorParts {
  readonly options: InjectorOptions;
  readonly log: Logger;
  /** Undefined when there is no cluster, or nobody wants its webhook configuration to be kept up to date. */
  readonly configurations: WebhookConfigurations | undefined;
}

/**
 * Starts the webhook.
 * @throws InputError when a file cannot be used, EnvironmentError when a port cannot be bound; nothing is left open then
 */
export async function startInjector({ options, log, configurations }: InjectorParts): Promise<Injector> {
  const { files, tls, compat, nativeSidecars } = options;
  const load = settingsLoader(files, compat, nativeSidecars);
  const [first, keyPair] = await Promise.all([load(), loadKeyPair(tls)]);
  let settings: InjectionSettings = first;
  const metrics = createInjectorMetrics();
  const open: Closable[] = [];
  const close = async () => {
    for (const part of open.splice(0)) await part.close();
  };
  try {
    const server = await startHttpsServer({
      port: options.port,
      setting: '--port',
      keyPair,
      handler: webhookRoutes({ settings: () => settings, bodies: createBodyReader(BODY_ROOM), metrics, log }),
      onError: (error) => log.error(`a request failed: ${error.message}`),
    });
    open.unshift(server);
    const monitoring = await startMonitoring(options, metrics, log);
    if (monitoring !== undefined) open.unshift(monitoring);
    const reloads = [
      reloadOnChange({
        files: pathsOf([files.mesh, files.inject, files.values]),
        load,
        use: (loaded) => {
          settings = loaded;
        },
        onSuccess: () => {
          metrics.countReload('configuration', 'ok');
          log.info('The configuration has changed and is in force');
        },
        onFailure: (error) => {
          metrics.countReload('configuration', 'failed');
          log.error(`update error: ${error.message}; the configuration of before stays in force`);
        },
      }),
      reloadCertificate(server, options, metrics, log),
    ];
    open.unshift(...reloads);
    await Promise.all(reloads.map(({ ready }) => ready));
    if (configurations !== undefined) {
      const { caCertFile: caFile, webhookConfigName: configName, webhookName } = options;
      open.unshift(keepCaBundle({ caFile, configName, webhookName, configurations, log }));
    }
    log.info(`Injecting as Istio ${compat} on port ${server.port}`);
    return { port: server.port, monitoringPort: monitoring?.port, close };
  } catch (thrown) {
    await close();
    throw toError(thrown);
  }
}

async function startMonitoring(
  { monitoringPort }: InjectorOptions,
  metrics: InjectorMetrics,
  log: Logger,
): Promise<HttpServer | undefined> {
  if (monitoringPort === undefined) return undefined;
  return startHttpServer({
    port: monitoringPort,
    setting: '--monitoringPort',
    handler: monitoringRoutes(metrics),
    onError: (error) => log.error(`a request failed: ${error.message}`),
  });
}

function reloadCertificate(
  server: HttpsServer,
  { tls }: InjectorOptions,
  metrics: InjectorMetrics,
  log: Logger,
): Reload {
  return reloadOnChange({
    files: pathsOf([tls.cert, tls.key]),
    load: () => loadKeyPair(tls),
    use: (keyPair) => server.replaceKeyPair(keyPair),
    onSuccess: () => {
      metrics.countReload('certificate', 'ok');
      log.info('The certificate has changed and is in force for new connections');
    },
    onFailure: (error) => {
      metrics.countReload('certificate', 'failed');
      log.error(`reload cert error: ${error.message}; the certificate of before stays in force`);
    },
  });
}

function pathsOf(files: readonly SourceFile[]): readonly string[] {
  return files.map(({ path }) => path);
}
