import type { Seconds } from '../platform/duration.ts';

export interface EnvoyArguments {
  readonly bootstrapFile: string;
  readonly epoch: number;
  readonly drainTime: Seconds;
  readonly parentShutdownTime: Seconds;
  readonly serviceCluster: string;
  readonly serviceNode: string;
  readonly ipVersion: 'v4' | 'v6';
  /** Undefined when Envoy's bootstrap sets the form of its log itself (JSON). */
  readonly logFormat: string | undefined;
  /** Empty: Envoy's own default. */
  readonly logLevel: string;
  readonly componentLogLevel: string;
  /** 0: Envoy takes every core. */
  readonly concurrency: number;
  readonly baseId: number;
  readonly skipDeprecatedLogs: boolean;
  readonly enableCoreDump: boolean;
  readonly fileFlushIntervalMs: number;
  readonly fileFlushMinSizeKb: number | undefined;
}

/**
 * Envoy's command line: first the arguments of Istio 1.5 in their order (pilot-agent-1.5.md §3; Envoy 1.40 refuses
 * `--max-obj-name-len`), then what came later.
 */
export function envoyArguments(options: EnvoyArguments): readonly string[] {
  const { logFormat, fileFlushMinSizeKb } = options;
  return [
    ...['-c', options.bootstrapFile],
    ...['--restart-epoch', String(options.epoch)],
    ...['--drain-time-s', String(Math.floor(options.drainTime))],
    ...['--parent-shutdown-time-s', String(Math.floor(options.parentShutdownTime))],
    ...['--service-cluster', options.serviceCluster],
    ...['--service-node', options.serviceNode],
    ...['--local-address-ip-version', options.ipVersion],
    ...(logFormat === undefined ? [] : ['--log-format', logFormat]),
    ...(options.logLevel === '' ? [] : ['-l', options.logLevel]),
    ...(options.componentLogLevel === '' ? [] : ['--component-log-level', options.componentLogLevel]),
    ...(options.concurrency > 0 ? ['--concurrency', String(options.concurrency)] : []),
    // A pod that leaves has seconds, not the 45 of a gradual drain: every answer tells its client to go at once.
    ...['--drain-strategy', 'immediate'],
    ...['--file-flush-interval-msec', String(options.fileFlushIntervalMs)],
    ...(fileFlushMinSizeKb === undefined ? [] : ['--file-flush-min-size-kb', String(fileFlushMinSizeKb)]),
    ...(options.skipDeprecatedLogs ? ['--skip-deprecated-logs'] : []),
    ...(options.enableCoreDump ? ['--enable-core-dump'] : []),
    ...(options.baseId === 0 ? [] : ['--base-id', String(options.baseId)]),
  ];
}
