/** The spine of `pilot-agent proxy`: the only place that knows all the parts. */

import { controlPlaneSecrets } from '../bootstrap/control-plane.ts';
import { findLocalFiles, watchLocalFiles } from '../bootstrap/local-files.ts';
import { followSecretFiles, writeSecretFiles } from '../bootstrap/secret-files.ts';
import { resolveStatsd } from '../bootstrap/statsd.ts';
import { removeBootstrap as removeFile, writeLightstepToken } from '../bootstrap/write.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { describeOrigin } from '../config/origin.ts';
import { envoyAdmin } from '../envoy/admin.ts';
import { resolveEnvoy } from '../envoy/binary.ts';
import { startEnvoy } from '../envoy/process.ts';
import { createAgentMetrics } from '../metrics/registry.ts';
import { buildInfo } from '../platform/build-info.ts';
import { millis } from '../platform/duration.ts';
import type { Logger } from '../platform/logger.ts';
import { createBootstrapFiles } from './bootstrap-files.ts';
import { customBootstrap, generatedBootstrap } from './bootstrap-source.ts';
import { askToDrain, type DrainOptions, drain } from './drain.ts';
import { envoyCommand } from './envoy-command.ts';
import type { Exit, Rules } from './epochs/state.ts';
import { createFamilies } from './families.ts';
import { attachToProcess } from './lifecycle.ts';
import { untilLive } from './live.ts';
import { describeNode } from './node.ts';
import { giveUpRoot } from './privileges.ts';
import { startServers } from './servers.ts';
import { createSupervisor } from './supervisor.ts';

const TERM_GRACE = millis(3_000);
const STEADY_AFTER = millis(60_000);
const FIRST_BACKOFF = millis(200);
const REAP_MARGIN_MS = 5_000;

/**
 * Runs Envoy until it ends or the agent is told to. Every resource that is opened is closed again, in reverse order.
 * @param env the environment, which Envoy inherits
 * @returns how it ended; by then no Envoy lives and no file is left
 * @throws InputError or EnvironmentError when it cannot be started, with nothing left behind
 */
export async function runProxy(loaded: LoadedConfig, env: NodeJS.ProcessEnv, log: Logger): Promise<Exit> {
  const open: (() => void | Promise<void>)[] = [];
  try {
    return await supervise(loaded, env, log, (close) => open.unshift(close));
  } finally {
    for (const close of open) await close();
  }
}

async function supervise(
  { config: given, warnings, origins }: LoadedConfig,
  env: NodeJS.ProcessEnv,
  log: Logger,
  onClose: (close: () => void | Promise<void>) => void,
): Promise<Exit> {
  log.info(`Version ${buildInfo.version}-${buildInfo.revision}`);
  for (const warning of warnings) log.warn(warning);
  for (const [key, origin] of origins) {
    if (origin.kind !== 'default' && origin.kind !== 'derived')
      log.debug(`${key} is set by ${describeOrigin(origin)}`);
  }
  const localFiles = given.localConfig === undefined ? undefined : await findLocalFiles(given.localConfig);
  const binary = await resolveEnvoy(given.binaryPath, env);
  const workplace = await giveUpRoot(given, binary, env, log);
  onClose(() => workplace.close());
  const config: AgentConfig = { ...given, localConfig: workplace.localConfig };

  const families = createFamilies(config.baseId, process.getuid?.() ?? 0);
  onClose(() => families.removeAll());
  const node = await describeNode(config, env);
  const { identity } = node;
  for (const warning of node.warnings) log.warn(warning);
  log.info(
    `Proxy role ips=[${identity.ips.join(' ')}] type=${config.role} id=${identity.id} domain=${identity.domain}`,
  );

  const secrets = controlPlaneSecrets(config);
  let missingSecrets = await writeSecretFiles(secrets);
  for (const { path } of secrets) onClose(() => removeFile(path));
  const secretFiles = followSecretFiles({
    secrets,
    onChange: (missing) => {
      missingSecrets = missing;
      log.info('Certificates for the control plane have come');
    },
    onError: (error) => log.warn(error.message),
  });
  onClose(() => secretFiles.close());
  if (config.tracing?.kind === 'lightstep') {
    const token = await writeLightstepToken(config.configPath, config.tracing.accessToken);
    onClose(() => removeFile(token));
  }
  const statsd = await statsdAddress(config, log);
  const bootstraps = createBootstrapFiles(config.configPath, async () => {
    const { customConfigFile, bootstrapOverride } = config;
    if (customConfigFile !== undefined) return customBootstrap(customConfigFile, bootstrapOverride);
    return generatedBootstrap({ config, identity, metadata: node.metadata, localFiles, statsd });
  });
  onClose(() => bootstraps.removeAll());

  const admin = envoyAdmin(identity.localhost, config.proxyAdminPort);
  const drainOptions: DrainOptions = {
    inboundOnly: config.role === 'sidecar',
    longest: config.terminationDrainDuration,
    shortest: config.minimumDrainDuration,
    envoyDrainTime: config.drainDuration,
    ignoredPorts: [config.envoyStatusPort],
  };
  const metrics = createAgentMetrics(buildInfo.version, () => millis(performance.now()));
  const supervisor = createSupervisor({
    rules: rulesOf(config),
    log,
    prepare: async ({ number, source }) => ({
      kind: 'valid',
      config: await bootstraps.write(number, source),
    }),
    spawn: ({ number, family }) => {
      const { args, env: environment } = envoyCommand(
        config,
        identity,
        {
          bootstrapFile: bootstraps.path(number),
          epoch: number,
          baseId: families.baseId(family),
        },
        env,
      );
      log.info(`Envoy command: ${JSON.stringify(args)}`);
      return startEnvoy(workplace.binary, args, environment);
    },
    untilLive: ({ number, family }, _envoy, signal) =>
      untilLive(admin, { epoch: number, baseId: families.baseId(family) }, signal),
    undo: async () => ({ freed: false, adminOpen: true }),
    drain: ({ alreadyAsked }, signal) => drain(admin, drainOptions, alreadyAsked, log, signal),
    drainAndStay: () => askToDrain(admin, drainOptions, true, log),
    retire: async () => {},
    forget: async () => {},
    record: () => {},
  });

  const servers = await startServers({
    config,
    identity,
    admin,
    supervisor,
    missingSecrets: () => missingSecrets,
    metrics,
    log,
  });
  onClose(() => servers.close());
  if (config.localConfig !== undefined && localFiles !== undefined) {
    const watcher = watchLocalFiles({
      folder: config.localConfig,
      files: localFiles,
      onError: (error) => log.warn(error.message),
    });
    onClose(() => watcher.close());
  }
  attachToProcess(supervisor, log, () => {
    bootstraps.removeAll();
    families.removeAll();
  });
  supervisor.dispatch({ kind: 'start' });
  return supervisor.ended;
}

function rulesOf(config: AgentConfig): Rules {
  return {
    maxRestarts: config.maxRestarts,
    hotRestartTimeout: config.hotRestartTimeout,
    reapAfter: millis(config.parentShutdownDuration + REAP_MARGIN_MS),
    termGrace: TERM_GRACE,
    steadyAfter: STEADY_AFTER,
    firstBackoff: FIRST_BACKOFF,
  };
}

async function statsdAddress(config: AgentConfig, log: Logger): Promise<string | undefined> {
  if (config.statsdUdpAddress === undefined) return undefined;
  const found = await resolveStatsd(config.statsdUdpAddress);
  if (found.kind === 'resolved') return found.address;
  log.warn(found.warning);
  return undefined;
}
