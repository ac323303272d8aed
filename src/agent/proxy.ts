/** The spine of `pilot-agent proxy`: the only place that knows all the parts. */
import { existsSync } from 'node:fs';
import { watchLocalFiles } from '../bootstrap/local-files.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { describeOrigin } from '../config/origin.ts';
import { claimBaseId } from '../envoy/base-id.ts';
import { resolveEnvoy } from '../envoy/binary.ts';
import { createAgentMetrics } from '../metrics/registry.ts';
import { buildInfo } from '../platform/build-info.ts';
import { millis } from '../platform/duration.ts';
import type { Logger } from '../platform/logger.ts';
import { createTidier } from '../platform/tidy-memory.ts';
import { createAdmins } from './admins.ts';
import { createBootstrapFiles } from './bootstrap-files.ts';
import { createEditionStore } from './edition-store.ts';
import { configFiles, deriveEdition, meshFilesFolder } from './editions.ts';
import { createEnvoyPorts } from './envoy-ports.ts';
import { activeEpoch, type Exit } from './epochs/state.ts';
import { createFamilies } from './families.ts';
import { inherit } from './heritage.ts';
import { attachToProcess } from './lifecycle.ts';
import { readPod } from './node.ts';
import { giveUpRoot } from './privileges.ts';
import { createReadiness, type LastRestart } from './readiness.ts';
import { renewEdition } from './renew-edition.ts';
import { requireEnvoysPorts } from './required-ports.ts';
import { rulesOf } from './rules.ts';
import { prepareSecrets } from './secrets.ts';
import { startServers } from './servers.ts';
import { canonicalFile } from './state-file.ts';
import { createStateRecorder } from './state-recorder.ts';
import { createStatusRecorder } from './status.ts';
import { createSupervisor, type Supervisor } from './supervisor.ts';
import { createTriggers, type Triggers } from './triggers.ts';
import { watchInputs } from './watch-inputs.ts';

export interface ProxyInput {
  readonly loaded: LoadedConfig;
  /** Reads the configuration again, from the same arguments and environment, for a hot restart. */
  readonly reload: () => Promise<LoadedConfig>;
  /** The environment, which Envoy inherits. */
  readonly env: NodeJS.ProcessEnv;
  readonly log: Logger;
  /** The bundle that derives Envoy's files from a mesh. */
  readonly derive: string;
}

type OnClose = (close: () => void | Promise<void>) => void;

/**
 * Runs Envoy until it ends or the agent is told to. Every resource that is opened is closed again, in reverse order.
 * @returns how it ended; by then no Envoy lives and no file is left
 * @throws InputError or EnvironmentError when it cannot be started, with nothing left behind
 */
export async function runProxy(input: ProxyInput): Promise<Exit> {
  const open: (() => void | Promise<void>)[] = [];
  try {
    return await supervise(input, (close) => open.unshift(close));
  } finally {
    for (const close of open) await close();
  }
}

async function supervise({ loaded, reload, env, log, derive }: ProxyInput, onClose: OnClose): Promise<Exit> {
  sayStart(loaded, log);
  const binary = await resolveEnvoy(loaded.config.binaryPath, env);
  // Before root is given up, like the rest of the configuration.
  const pod = await readPod(loaded.config);
  const seen = configFiles(loaded.config).filter((file) => existsSync(file));
  const { meshDir } = loaded.config;
  // What root may read, the user that it becomes may not.
  const own =
    meshDir === undefined
      ? undefined
      : (await import('../platform/child-program.ts')).openChildProgram(derive);
  if (own !== undefined) onClose(() => own.close());
  const workplace = await giveUpRoot(loaded.config, binary, env, log);
  onClose(() => workplace.close());
  const config: AgentConfig = {
    ...loaded.config,
    localConfig: own === undefined ? workplace.localConfig : meshFilesFolder(loaded.config),
  };

  const first = await deriveEdition(config, pod, env);
  const { identity } = first;
  log.info(
    `Proxy role ips=[${identity.ips.join(' ')}] type=${config.role} id=${identity.id} domain=${identity.domain}`,
  );
  const editions = createEditionStore(
    first,
    () => renewEdition({ running: config, pod, reload, env, log }),
    log,
  );
  const admins = createAdmins(identity.localhost, config.proxyAdminPort);
  const heritage = await inherit(config, identity.localhost, log, onClose);
  // Until the supervisor has them, the Envoys of the agent before serve on whatever becomes of this one.
  let inCharge = heritage.epochs.length === 0;
  const cleanUp = (close: () => void | Promise<void>) => onClose(() => (inCharge ? close() : undefined));
  if (heritage.epochs.length === 0) await requireEnvoysPorts(config, identity.localhost);
  const uid = process.getuid?.() ?? 0;
  const claim = async () => {
    const claimed = await claimBaseId(uid);
    onClose(() => claimed.close());
    return claimed.baseId;
  };
  const missingSecrets = await prepareSecrets(config, log, cleanUp);
  const families = createFamilies(heritage.baseId ?? config.baseId ?? (await claim()), uid);
  cleanUp(families.removeAll);
  const bootstraps = createBootstrapFiles(config.configPath);
  cleanUp(bootstraps.removeAll);
  for (const { epoch, bootstrapFile, adminPort } of heritage.epochs) {
    bootstraps.adopt(epoch, bootstrapFile);
    if (adminPort !== undefined) admins.adopt({ family: 0, number: epoch }, adminPort);
  }
  const metrics = createAgentMetrics(buildInfo.version, () => millis(performance.now()));
  // Only now is it sure that no other agent has these files.
  const mesh =
    own === undefined
      ? undefined
      : await (await import('./mesh/open.ts')).openMesh(config, pod, { env, program: own, metrics, log });
  if (mesh !== undefined) {
    cleanUp(mesh.removeFiles);
    onClose(() => mesh.close());
  }

  const ports = createEnvoyPorts({
    binary: workplace.binary,
    env,
    families,
    admins,
    bootstraps,
    editions,
    state: () => supervisor.state(),
    log,
    onAdminPortFree: () => void triggers.ask('repair', "Envoy's admin goes back to its port"),
  });
  let lastRestart: LastRestart | undefined;
  const admin = () => {
    const state = supervisor.state();
    return admins.of(activeEpoch(state) ?? state.epochs.at(-1) ?? { family: 0, number: 0 });
  };
  const readiness = createReadiness({
    config,
    state: () => supervisor.state(),
    admin,
    missingSecrets,
    lastRestart: () => lastRestart,
    onAnswer: metrics.setReady,
  });
  const status = createStatusRecorder({
    nodeId: identity.nodeId,
    readiness,
    counted: { except: new Set([config.proxyAdminPort]) },
    mesh: mesh?.report,
  });
  const heirs = createStateRecorder({
    configPath: config.configPath,
    binary: workplace.binary,
    log,
    pid: (key) => supervisor.pid(key),
    baseId: families.baseId,
    adminPort: admins.port,
    bootstrapFile: (number) => canonicalFile(bootstraps.path(number)),
  });
  cleanUp(heirs.remove);
  const tidier = createTidier();
  onClose(() => tidier.close());
  const supervisor: Supervisor = createSupervisor({
    ...ports,
    rules: rulesOf(config),
    adopted: heritage.processes,
    log,
    record: (effect) => {
      triggers.settle(effect);
      void ports.bringAdminBack();
      if (effect.triggers.length === 0) return;
      metrics.countHotRestart(effect.outcome);
      lastRestart = effect;
      inputs.refresh();
    },
    observe: (taken) => {
      status.observe(taken);
      editions.keepOnly(taken.after);
      heirs.record(taken.after.epochs);
      if (taken.before.crashes < taken.after.crashes) metrics.countEnvoyRestart();
      if (taken.event.kind === 'live') tidier.soon();
      metrics.setDraining(taken.after.drainAsked || taken.after.lifecycle.kind === 'draining');
    },
    onProcess: (key, { pid }, { family }) => {
      status.identify(key, { pid, baseId: families.baseId(family), startedAt: Date.now() });
      heirs.record(supervisor.state().epochs);
    },
  });
  const triggers: Triggers = createTriggers(supervisor.dispatch);
  onClose(() => triggers.close());

  const servers = await startServers({
    config,
    identity,
    admin,
    supervisor,
    triggers,
    readiness,
    report: status.report,
    metrics,
    log,
  });
  onClose(() => servers.close());
  if (mesh === undefined && config.localConfig !== undefined && first.localFiles !== undefined) {
    const watcher = watchLocalFiles({
      folder: config.localConfig,
      files: first.localFiles,
      onError: (error) => log.warn(error.message),
    });
    onClose(() => watcher.close());
  }
  if (config.watchBinary && workplace.binary !== binary) {
    log.warn(
      `--watchBinary has no effect: user ${config.proxyUid} cannot reach ${binary}, and Envoy runs from a copy`,
    );
  }
  const inputs = watchInputs(
    {
      binary: config.watchBinary && workplace.binary === binary ? binary : undefined,
      editions,
      triggers,
      seen,
    },
    log,
  );
  onClose(() => inputs.close());
  attachToProcess(supervisor, triggers, log, () => {
    bootstraps.removeAll();
    families.removeAll();
    heirs.remove();
  });
  inCharge = true;
  supervisor.dispatch({ kind: 'start', adopted: heritage.adopted });
  for (const [key, { pid }] of heritage.processes) status.identify(key, { pid, baseId: families.baseId(0) });
  return supervisor.ended;
}

function sayStart({ warnings, origins }: LoadedConfig, log: Logger): void {
  log.info(`Version ${buildInfo.version}-${buildInfo.revision}`);
  for (const warning of warnings) log.warn(warning);
  for (const [key, origin] of origins) {
    if (origin.kind !== 'default' && origin.kind !== 'derived') {
      log.debug(`${key} is set by ${describeOrigin(origin)}`);
    }
  }
}
