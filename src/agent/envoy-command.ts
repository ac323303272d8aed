import type { AgentConfig } from '../config/agent-config.ts';
import { ENVOY_JSON_LOG_FORMAT, ENVOY_TEXT_LOG_FORMAT } from '../config/envoy-log-format.ts';
import { envoyArguments } from '../envoy/argv.ts';
import { seconds } from '../platform/duration.ts';
import type { Edition } from './editions.ts';

export interface EpochArguments {
  readonly bootstrapFile: string;
  readonly epoch: number;
  readonly baseId: number;
}

export interface EnvoyCommand {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Command line and environment of one epoch. */
export function envoyCommand(
  { config, identity, bootstrap }: Pick<Edition, 'config' | 'identity' | 'bootstrap'>,
  epoch: EpochArguments,
  env: NodeJS.ProcessEnv,
): EnvoyCommand {
  const args = envoyArguments({
    ...epoch,
    drainTime: seconds(config.drainDuration / 1_000),
    parentShutdownTime: seconds(config.parentShutdownDuration / 1_000),
    serviceCluster: identity.cluster,
    serviceNode: identity.nodeId,
    ipVersion: identity.ipMode === 'v6' ? 'v6' : 'v4',
    logFormat: bootstrap.setsLogFormat ? undefined : logFormat(config),
    logLevel: config.proxyLogLevel,
    componentLogLevel: config.proxyComponentLogLevel,
    concurrency: config.concurrency,
    skipDeprecatedLogs: config.skipDeprecatedLogs,
    enableCoreDump: config.enableCoreDump,
    fileFlushIntervalMs: config.fileFlushInterval,
    fileFlushMinSizeKb: config.fileFlushMinSizeKb,
  });
  // Envoy prints local time, and the form of its log says that it is UTC.
  return { args, env: { ...env, TZ: 'UTC' } };
}

/** On the command line and not in the bootstrap, so that Envoy writes it from its first line on. */
function logFormat({ log }: AgentConfig): string {
  return log.json ? ENVOY_JSON_LOG_FORMAT : ENVOY_TEXT_LOG_FORMAT;
}
