import { describe, expect, it } from 'vitest';
import { type EnvoyArguments, envoyArguments } from '../../src/envoy/argv.ts';
import { seconds } from '../../src/platform/duration.ts';

const options: EnvoyArguments = {
  bootstrapFile: 'test.json',
  epoch: 5,
  drainTime: seconds(45),
  parentShutdownTime: seconds(60),
  serviceCluster: 'my-cluster',
  serviceNode: 'my-node',
  ipVersion: 'v4',
  logFormat: '%v',
  logLevel: 'trace',
  componentLogLevel: 'misc:error',
  concurrency: 8,
  baseId: 0,
  skipDeprecatedLogs: false,
  enableCoreDump: false,
  fileFlushIntervalMs: 1000,
  fileFlushMinSizeKb: undefined,
};

describe('Envoy command line', () => {
  it('begins with the arguments of Istio 1.5 in their order, without --max-obj-name-len', () => {
    expect(envoyArguments(options).slice(0, 22).join(' ')).toBe(
      '-c test.json --restart-epoch 5 --drain-time-s 45 --parent-shutdown-time-s 60 --service-cluster my-cluster ' +
        '--service-node my-node --local-address-ip-version v4 --log-format %v -l trace --component-log-level misc:error ' +
        '--concurrency 8',
    );
  });

  it.each([
    ['--concurrency', { concurrency: 0 }],
    ['-l', { logLevel: '' }],
    ['--component-log-level', { componentLogLevel: '' }],
    ['--log-format', { logFormat: undefined }],
    ['--base-id', { baseId: 0 }],
  ])('leaves %s out when it is not set', (flag, change) => {
    expect(envoyArguments({ ...options, ...change })).not.toContain(flag);
  });

  it('names the base id when it is not 0', () => {
    expect(envoyArguments({ ...options, baseId: 7 }).join(' ')).toContain('--base-id 7');
  });
});
