import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { envoyArguments } from '../../src/envoy/argv.ts';
import { readEnvoyArgv } from '../../src/envoy/read-argv.ts';
import { seconds } from '../../src/platform/duration.ts';

describe('readEnvoyArgv', () => {
  it('reads back what envoyArguments wrote, whatever the names are', () => {
    const tricky = fc.oneof(
      fc.string({ minLength: 1 }),
      fc.constantFrom('-c', '--restart-epoch', '--base-id'),
    );
    fc.assert(
      fc.property(tricky, tricky, fc.nat(), fc.nat(200_000_000), (file, name, epoch, baseId) => {
        fc.pre(baseId > 0 || name !== '--base-id');
        const args = envoyArguments({
          bootstrapFile: `/etc/istio/proxy/${file}`,
          epoch,
          drainTime: seconds(45),
          parentShutdownTime: seconds(60),
          serviceCluster: name,
          serviceNode: name,
          ipVersion: 'v4',
          logFormat: name,
          logLevel: name,
          componentLogLevel: name,
          concurrency: 2,
          baseId,
          skipDeprecatedLogs: true,
          enableCoreDump: true,
          fileFlushIntervalMs: 1_000,
          fileFlushMinSizeKb: 64,
        });
        expect(readEnvoyArgv(['envoy', ...args])).toEqual({
          bootstrapFile: `/etc/istio/proxy/${file}`,
          epoch,
          baseId,
        });
      }),
    );
  });

  it.each([
    [[]],
    [['sleep', '1000']],
    [['envoy', '--mode', 'validate', '-c', '/x/envoy-rev1.json']],
    [['envoy', '-c', '/x/envoy-rev1.json', '--restart-epoch']],
    [['envoy', '-c', '/x/envoy-rev1.json', '--restart-epoch', 'one']],
    [['envoy', '--restart-epoch', '1', '-c']],
    [['envoy', '-c', 'x', '--restart-epoch', '1', '--base-id', 'y']],
  ])('finds nothing in %j', (args) => {
    expect(readEnvoyArgv(args)).toBeUndefined();
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.array(fc.string()), (args) => void readEnvoyArgv(args)));
  });
});
