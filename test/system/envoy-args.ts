import { envoyArguments } from '../../src/envoy/argv.ts';
import { seconds } from '../../src/platform/duration.ts';

/** Arguments of an Envoy as an agent gives them, with a drain that a test can wait for. */
export function envoyArgs(configPath: string, epoch: number, baseId: number): readonly string[] {
  return envoyArguments({
    bootstrapFile: `${configPath}/envoy-rev${epoch}.json`,
    epoch,
    drainTime: seconds(1),
    parentShutdownTime: seconds(2),
    serviceCluster: 'test',
    serviceNode: 'sidecar~127.0.0.1~test.default~local',
    ipVersion: 'v4',
    logFormat: undefined,
    logLevel: 'error',
    componentLogLevel: '',
    concurrency: 1,
    baseId,
    skipDeprecatedLogs: true,
    enableCoreDump: false,
    fileFlushIntervalMs: 1_000,
    fileFlushMinSizeKb: undefined,
  });
}
