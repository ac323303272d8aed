import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/platform/errors.ts';
import { load, problemsOf } from './load.ts';

const PORT = 'expected a port in the range 1..65535';
const OR_NONE = `${PORT}, or 0 for none`;
const DURATION = 'expected a duration with its unit, such as 45s, 1m30s or 500ms';

describe('a flag that cannot be used is named with its value and what was expected', () => {
  it.each([
    ['discoveryAddress', '', 'must be set'],
    ['discoveryAddress', 'istio-pilot', 'the port is missing: write host:port'],
    ['discoveryAddress', 'isti..:80', '"isti.." is neither a host name nor an IP address'],
    ['discoveryAddress', '10.0.0.100', 'the port is missing: write host:port'],
    ['discoveryAddress', 'istio-pilot:port', 'the port "port" is not a number'],
    ['discoveryAddress', 'istio-pilot:100000', 'the port 100000 is not in the range 1..65535'],
    [
      'discoveryAddress',
      '[2001:db8::10::20]:80',
      '"2001:db8::10::20" is neither a host name nor an IP address',
    ],
    ['discoveryAddress', '[2001:db8::100]', 'the port is missing: write host:port'],
    ['discoveryAddress', '2001:db8::100:80', 'write an IPv6 address as [address]:port'],
    ['discoveryAddress', 'a.123:80', '"a.123" is neither a host name nor an IP address'],
    ['zipkinAddress', 'z', 'the port is missing: write host:port'],
    ['statsdUdpAddress', 's:0', 'the port 0 is not in the range 1..65535'],
    ['configPath', '', 'must be set'],
    ['serviceCluster', ' ', 'must be set'],
    ['drainDuration', '45', DURATION],
    ['drainDuration', '1500ms', 'expected whole seconds such as 45s'],
    ['drainDuration', '-1s', 'expected a duration over 0s'],
    ['drainDuration', '0s', 'expected a duration over 0s'],
    ['drainDuration', '1h0m1s', 'expected at most 1h0m0s'],
    ['drainDuration', '1h0m0s', 'must be less than 1h0m0s'],
    ['parentShutdownDuration', '3601s', 'expected at most 1h0m0s'],
    ['parentShutdownDuration', '2.001s', 'expected whole seconds such as 45s'],
    ['terminationDrainDuration', '-5s', 'expected a duration of 0s or more'],
    ['connectTimeout', '31s', 'expected a duration between 1ms and 30s'],
    ['connectTimeout', '99.999us', 'expected a duration of 1ms or more'],
    ['connectTimeout', '1.5ms', 'expected whole milliseconds'],
    ['dnsRefreshRate', '0s', 'expected a duration of 1ms or more'],
    ['proxyAdminPort', '0', PORT],
    ['proxyAdminPort', '15abc', PORT],
    ['statusPort', '-1', OR_NONE],
    ['statusPort', '65536', OR_NONE],
    ['stsPort', '1e3', OR_NONE],
    ['concurrency', '5s', 'expected a whole number, 0 or more'],
    ['concurrency', '-1', 'expected a whole number, 0 or more'],
    ['log_as_json', 'yes', 'expected true or false'],
    ['profiling', '', 'expected true or false'],
    ['vklog', 'x', 'expected a whole number such as 8'],
    ['proxy-uid', 'nobody', 'expected a numeric user id such as 1337'],
    ['baseId', '429496729', 'expected a whole number in the range 0..429496728'],
    ['ip', '10.0.0', 'expected an IP address such as 10.0.0.1 or fd00::1'],
    ['id', 'a~b', 'expected a name without "~" and without blanks'],
    ['serviceregistry', 'kubernetes', 'expected one of Kubernetes, Consul, Mock'],
    ['controlPlaneAuthPolicy', 'mtls', 'expected one of NONE, MUTUAL_TLS'],
    ['output', 'yaml', 'expected one of text, json'],
    ['envoyMetricsService', '[]', 'expected a JSON object'],
    [
      'proxyLogLevel',
      'misc:',
      '"misc:" has no level of Envoy, which are trace, debug, info, warning, warn, error, critical, off',
    ],
    ['proxyComponentLogLevel', 'info', '"info" is not component:level; the level of all is --proxyLogLevel'],
  ])('--%s=%s', async (flag, value, expected) => {
    expect(await problemsOf({ argv: [`--${flag}=${value}`] })).toEqual([`--${flag} "${value}": ${expected}`]);
  });

  it.each([
    ['2s', '1s'],
    ['1s', '1s'],
  ])('drain %s with shutdown %s', async (drain, shutdown) => {
    const argv = ['--drainDuration', drain, '--parentShutdownDuration', shutdown];
    expect(await problemsOf({ argv })).toEqual([
      `--parentShutdownDuration "${shutdown}": must be greater than the drain time "${drain}" (--drainDuration)`,
    ]);
  });
});

describe('what is right at the edge is accepted', () => {
  it.each([
    ['--discoveryAddress=istio-pilot:80'],
    ['--discoveryAddress=10.0.0.100:9090'],
    ['--discoveryAddress=[2001:db8::100]:80'],
    ['--discoveryAddress=istiod.istio-system.svc.:65535'],
    ['--connectTimeout=30s'],
    ['--connectTimeout=1ms'],
    ['--terminationDrainDuration=0s'],
    ['--statusPort=0'],
    ['--zipkinAddress='],
    ['--ip='],
    ['--concurrency=+2'],
  ])('%s', async (flag) => {
    expect((await load({ argv: [flag] })).warnings).toEqual([]);
  });
});

it('never fails but with an InputError, whatever the input', async () => {
  const text = fc.oneof(fc.string(), fc.json());
  const name = fc.constantFrom(
    ...[
      'PROXY_CONFIG',
      'ISTIO_KUBE_APP_PROBERS',
      'ISTIO_PROMETHEUS_ANNOTATIONS',
      'HOST_IP',
      'ISTIO_CPU_LIMIT',
    ],
    ...['ISTIO_METAJSON_ANNOTATIONS', 'ISTIO_BOOTSTRAP_OVERRIDE'],
  );
  const file = fc.constantFrom('./etc/istio/config/mesh', './etc/istio/pod/annotations', '/override');
  await fc.assert(
    fc.asyncProperty(
      fc.array(text),
      fc.dictionary(name, text),
      fc.dictionary(file, text),
      async (argv, env, files) => {
        await load({ argv, env, files }).catch((error: unknown) => expect(error).toBeInstanceOf(InputError));
      },
    ),
    { numRuns: 200 },
  );
});

it('never fails for a ProxyConfig of any shape either', async () => {
  const field = fc.constantFrom(
    ...['tracing', 'envoyMetricsService', 'envoyAccessLogService', 'proxyStatsMatcher', 'proxyMetadata'],
    ...['runtimeValues', 'extraStatTags', 'drainDuration', 'statusPort', '__proto__', 'constructor'],
  );
  const inner = fc.constantFrom(
    'zipkin',
    'lightstep',
    'address',
    'tlsSettings',
    'mode',
    'tcpKeepalive',
    'inclusionPrefixes',
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(inner, fc.oneof(fc.jsonValue(), fc.dictionary(inner, fc.jsonValue()))),
  );
  await fc.assert(
    fc.asyncProperty(fc.dictionary(field, value), async (fields) => {
      const env = { PROXY_CONFIG: JSON.stringify(fields) };
      await load({ env }).catch((error: unknown) => expect(error).toBeInstanceOf(InputError));
    }),
    { numRuns: 300 },
  );
});
