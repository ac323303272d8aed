import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../src/config/describe-config.ts';
import { load } from './load.ts';

const SECRET = 's3cr3t';
const GIVEN = {
  argv: [
    'router',
    '--print-config',
    '--drainDuration=1m0s',
    `--lightstepAccessToken=${SECRET}`,
    '--lightstepAddress=l:1',
  ],
  env: {
    PROXY_CONFIG: JSON.stringify({
      concurrency: 2,
      proxyMetadata: { API_TOKEN: SECRET, PLAIN: 'x' },
      tracing: { lightstep: { address: 'l:1', accessToken: SECRET } },
    }),
    ISTIO_KUBE_APP_PROBERS: '{"/app-health/a/livez":{"tcpSocket":{"port":1},"timeoutSeconds":3}}',
    ISTIO_BOOTSTRAP_OVERRIDE: '/o.json',
  },
  files: { '/o.json': `{"a":{"password":"${SECRET}","time":1}}` },
};

describe('describeConfig', () => {
  it('has a row for every key, with value and source', async () => {
    const loaded = await load(GIVEN);
    const rows = JSON.parse(describeConfig(loaded, 'json'));
    expect(Object.keys(rows)).toEqual(Object.keys(loaded.config));
    expect(rows).toMatchObject({
      role: { value: 'router', from: 'command line' },
      concurrency: { value: 2, from: 'PROXY_CONFIG' },
      drainDuration: { value: '1m0s', from: 'flag --drainDuration' },
      parentShutdownDuration: { value: '1m15s', from: 'from drainDuration' },
      appProbers: { value: { '/app-health/a/livez': { kind: 'tcp', port: 1, timeout: '3s' } } },
      bootstrapOverride: { value: { a: { time: 1 } } },
      ip: { value: null, from: 'default' },
      tracing: { value: { kind: 'lightstep', accessToken: '***' } },
      proxyMetadata: { value: { API_TOKEN: '***', PLAIN: 'x' } },
    });
  });

  it('is an aligned table for people', async () => {
    const lines = describeConfig(await load(GIVEN), 'text')
      .trimEnd()
      .split('\n');
    const column = lines[0]?.indexOf('FROM') ?? 0;
    expect(lines.every((line) => line.slice(column - 2, column) === '  ' && line[column] !== ' ')).toBe(true);
    expect(lines.find((line) => line.startsWith('concurrency'))).toMatch(/^concurrency +PROXY_CONFIG +2$/);
  });

  it.each(['text', 'json'] as const)('shows no secret as %s', async (form) => {
    const loaded = await load(GIVEN);
    expect(describeConfig(loaded, form)).not.toContain(SECRET);
    expect(JSON.stringify(loaded.config.proxyConfig)).not.toContain('accessToken');
  });
});
