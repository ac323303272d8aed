import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { envoyAdmin } from '../../src/envoy/admin.ts';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { askEnvoy, type ConfigSource } from '../../src/health/envoy-readiness.ts';
import type { Readiness } from '../../src/health/readiness.ts';
import { until } from '../support/until.ts';

const SOURCE: ConfigSource = { kind: 'xds', address: '127.0.0.1:1' };
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'readiness-'));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

interface RunningEnvoy {
  readonly process: ChildProcess;
  readonly adminPort: number;
  ask(): Promise<Readiness>;
}

async function startEnvoy(at: string, bootstrap: object): Promise<RunningEnvoy> {
  const binary = await findEnvoy(process.env);
  if (binary === undefined) throw new Error('no Envoy: npm run envoy');
  const config = join(at, 'envoy.json');
  const addressFile = join(at, 'admin');
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } };
  await writeFile(
    config,
    JSON.stringify({ node: { id: 'n', cluster: 'c' }, admin: { address }, ...bootstrap }),
  );
  const envoy = spawn(
    binary,
    ['-c', config, '--disable-hot-restart', '--concurrency', '1', '--admin-address-path', addressFile],
    { stdio: 'ignore' },
  );
  const exited = new Promise((resolve) => envoy.once('exit', resolve));
  cleanups.push(() => {
    envoy.kill('SIGKILL');
    return exited;
  });
  const adminPort = await until('Envoy has an admin port', async () =>
    Number((await readFile(addressFile, 'utf8')).split(':')[1]),
  );
  const admin = envoyAdmin('127.0.0.1', adminPort);
  return { process: envoy, adminPort, ask: () => askEnvoy(admin, SOURCE) };
}

const becomesReady = (envoy: RunningEnvoy) =>
  until('Envoy is ready', async () => {
    const answer = await envoy.ask();
    return answer.ready && answer;
  });
const reasonOf = (answer: Readiness) => (answer.ready ? `ready: ${answer.note ?? ''}` : answer.reason);

describe('askEnvoy on a real Envoy', () => {
  it('is ready with static resources only, hung when stopped, ready again, draining, and gone', async () => {
    const envoy = await startEnvoy(await folder(), { static_resources: {} });
    expect(await becomesReady(envoy)).toEqual({ ready: true });

    envoy.process.kill('SIGSTOP');
    expect(reasonOf(await envoy.ask())).toBe('Envoy does not answer on its admin interface within 800 ms');
    envoy.process.kill('SIGCONT');
    await becomesReady(envoy);

    // At once, though server.state follows seconds later.
    const admin = `http://127.0.0.1:${envoy.adminPort}`;
    await fetch(`${admin}/healthcheck/fail`, { method: 'POST' });
    expect(reasonOf(await envoy.ask())).toBe('server is not live, current state is: DRAINING');
    await fetch(`${admin}/healthcheck/ok`, { method: 'POST' });
    expect(await envoy.ask()).toEqual({ ready: true });

    envoy.process.kill('SIGKILL');
    await until('Envoy is gone', async () => reasonOf(await envoy.ask()).includes('ECONNREFUSED'));
  });

  it('is not ready before the first listeners, with the reason that they were rejected, and keeps ready later', async () => {
    const at = await folder();
    const type = 'type.googleapis.com/envoy.config.listener.v3.Listener';
    const write = async (file: string, resources: object[]) => {
      await writeFile(join(at, `${file}.new`), JSON.stringify({ resources }));
      await rename(join(at, `${file}.new`), join(at, `${file}.json`));
    };
    const listener = (address: string) => ({
      '@type': type,
      name: 'l',
      address: { socket_address: { address, port_value: 0 } },
      filter_chains: [{}],
    });
    const path = (file: string) => ({ path_config_source: { path: join(at, `${file}.json`) } });
    await write('cds', []);
    await write('lds', [listener('no address')]);
    const envoy = await startEnvoy(at, {
      dynamic_resources: { cds_config: path('cds'), lds_config: path('lds') },
    });
    await until('the listener is rejected', async () =>
      reasonOf(await envoy.ask()).includes(
        'but was rejected: cds updates: 1 successful, 0 rejected; lds updates: 0',
      ),
    );
    await write('lds', [listener('127.0.0.1')]);
    await becomesReady(envoy);
    await write('lds', [listener('no address again')]);
    await until('the rejection is noted', async () =>
      reasonOf(await envoy.ask()).startsWith('ready: config updates'),
    );
  });

  it('says that nothing came when the control plane is not there', async () => {
    const http2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
    const ads = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
    const envoy = await startEnvoy(await folder(), {
      dynamic_resources: {
        cds_config: ads,
        lds_config: ads,
        ads_config: {
          api_type: 'GRPC',
          transport_api_version: 'V3',
          grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }],
        },
      },
      static_resources: {
        clusters: [
          {
            name: 'xds-grpc',
            type: 'STATIC',
            typed_extension_protocol_options: {
              [http2]: {
                '@type': `type.googleapis.com/${http2}`,
                explicit_http_config: { http2_protocol_options: {} },
              },
            },
            load_assignment: {
              cluster_name: 'xds-grpc',
              endpoints: [
                {
                  lb_endpoints: [
                    { endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 1 } } } },
                  ],
                },
              ],
            },
          },
        ],
      },
    });
    const counts = 'cds updates: 0 successful, 0 rejected; lds updates: 0 successful, 0 rejected';
    await until('Envoy says what is missing', async () => {
      const reason = reasonOf(await envoy.ask());
      return (
        reason === `config not received from XDS server (is Istiod running?): ${counts} (from 127.0.0.1:1)`
      );
    });
  });
});
