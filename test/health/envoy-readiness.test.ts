import { createServer, type RequestListener } from 'node:http';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { envoyAdmin } from '../../src/envoy/admin.ts';
import { askEnvoy, type ConfigSource, interpretStats } from '../../src/health/envoy-readiness.ts';
import { millis } from '../../src/platform/duration.ts';

const ISTIOD: ConfigSource = { kind: 'xds', address: 'istiod.istio-system.svc:15012' };
const FILES: ConfigSource = { kind: 'files', folder: '/etc/mesh' };
const LIVE = 'server.live: 1\nserver.state: 0\nlistener_manager.workers_started: 1\n';
const stats = (cds: [number, number], lds: [number, number], rest = LIVE) =>
  `cluster_manager.cds.update_rejected: ${cds[1]}\ncluster_manager.cds.update_success: ${cds[0]}\n` +
  `listener_manager.lds.update_rejected: ${lds[1]}\nlistener_manager.lds.update_success: ${lds[0]}\n${rest}`;
const from = '(from istiod.istio-system.svc:15012)';

describe('interpretStats', () => {
  it.each([
    ['both received', stats([1, 0], [1, 0])],
    ['without discovery, as with static resources', LIVE],
    ['a blank line before', `\n${stats([1, 0], [1, 0])}`],
    ['a stale server.state beside a true server.live', LIVE.replace('state: 0', 'state: 3')],
    ['an Envoy without server.live', 'server.state: 0\nlistener_manager.workers_started: 1'],
    ['lines of other kinds', `server.version_text: "x"\ncds.update_duration: No recorded values\n${LIVE}`],
  ])('is ready with %s', (_, text) => {
    expect(interpretStats(text, ISTIOD)).toEqual({ ready: true });
  });

  it('takes a file that Envoy cannot even parse for rejected, but no lost connection to a control plane', () => {
    const failed = `listener_manager.lds.update_failure: 1\n${stats([1, 0], [0, 0])}`;
    expect(interpretStats(failed, FILES)).toMatchObject({
      ready: false,
      reason: expect.stringMatching(
        /^config received from local files, but was rejected: .*0 successful, 1 rejected \(/,
      ),
    });
    expect(interpretStats(failed, ISTIOD)).toMatchObject({
      reason: expect.stringMatching(/^config not fully received from XDS server/),
    });
    expect(interpretStats(failed.replace('lds.update_success: 0', 'lds.update_success: 1'), FILES)).toEqual({
      ready: true,
    });
  });

  it.each([
    [
      'nothing',
      stats([0, 0], [0, 0]),
      `config not received from XDS server (is Istiod running?): cds updates: 0 successful, 0 rejected; lds updates: 0 successful, 0 rejected ${from}`,
    ],
    [
      'only LDS',
      stats([0, 0], [1, 0]),
      `config not fully received from XDS server: cds updates: 0 successful, 0 rejected; lds updates: 1 successful, 0 rejected ${from}`,
    ],
    [
      'only CDS',
      stats([1, 0], [0, 0]),
      `config not fully received from XDS server: cds updates: 1 successful, 0 rejected; lds updates: 0 successful, 0 rejected ${from}`,
    ],
    [
      'CDS rejected',
      stats([0, 1], [1, 0]),
      `config received from XDS server, but was rejected: cds updates: 0 successful, 1 rejected; lds updates: 1 successful, 0 rejected ${from}`,
    ],
    [
      'LDS awaited and CDS not used',
      `listener_manager.lds.update_success: 0\n${LIVE}`,
      `config not received from XDS server (is Istiod running?): cds updates: not used; lds updates: 0 successful, 0 rejected ${from}`,
    ],
    [
      'workers that have not started',
      stats([1, 0], [1, 0], LIVE.replace('started: 1', 'started: 0')),
      'workers have not yet started',
    ],
    [
      'health check failed',
      LIVE.replace('live: 1', 'live: 0'),
      'server is not live, current state is: DRAINING',
    ],
    [
      'an Envoy without server.live that initializes',
      'server.state: 2\nlistener_manager.workers_started: 1',
      'server is not live, current state is: PRE_INITIALIZING',
    ],
    [
      'a state of the future',
      'server.state: 9\nlistener_manager.workers_started: 1',
      'server is not live, current state is: 9',
    ],
    [
      'no stats',
      '',
      "server.state is not yet updated (Envoy's stats matcher must include the prefix server)",
    ],
    [
      'no stats of listeners',
      'server.live: 1',
      "listener_manager.workers_started is not yet updated (Envoy's stats matcher must include the prefix listener_manager)",
    ],
  ])('is not ready with %s', (_, text, reason) => {
    expect(interpretStats(text, ISTIOD)).toEqual({ ready: false, reason });
  });

  it('names the folder when the configuration comes from files', () => {
    expect(interpretStats(stats([0, 0], [0, 0]), FILES)).toMatchObject({
      reason: expect.stringMatching(/^config not received from local files .* \(from \/etc\/mesh\)$/),
    });
  });

  it('stays ready, with a note, when an update is rejected later', () => {
    expect(interpretStats(stats([3, 1], [2, 0]), ISTIOD)).toEqual({
      ready: true,
      note: `config updates were rejected since Envoy started: cds updates: 3 successful, 1 rejected; lds updates: 2 successful, 0 rejected ${from}`,
    });
  });

  it('is ready only when both succeeded, Envoy is live and its workers run', () => {
    const count = fc.nat(3);
    fc.assert(
      fc.property(count, count, count, count, fc.boolean(), fc.boolean(), (a, b, c, d, live, workers) => {
        const rest = `server.live: ${Number(live)}\nlistener_manager.workers_started: ${Number(workers)}`;
        const answer = interpretStats(stats([a, b], [c, d], rest), ISTIOD);
        expect(answer.ready).toBe(a > 0 && c > 0 && live && workers);
      }),
    );
  });

  it('reads any text without throwing, and is never ready by it', () => {
    fc.assert(fc.property(fc.string(), (text) => !interpretStats(text, ISTIOD).ready));
  });
});

describe('askEnvoy', () => {
  const cleanups: (() => void)[] = [];
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  async function ask(listener: RequestListener) {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return askEnvoy(
      envoyAdmin('127.0.0.1', (server.address() as { port: number }).port),
      ISTIOD,
      millis(150),
    );
  }

  it.each([
    ['hangs', () => {}, 'Envoy does not answer on its admin interface within 150 ms'],
    [
      'answers 503',
      (_, response) => response.writeHead(503).end('no'),
      "Envoy's admin interface answered 503",
    ],
    [
      'hangs up',
      (request) => request.socket.destroy(),
      "Envoy's admin interface cannot be asked: socket hang up",
    ],
  ] as [string, RequestListener, string][])('gives the reason when Envoy %s', async (_, listener, reason) => {
    expect(await ask(listener)).toEqual({ ready: false, reason });
  });

  it('gives the reason when nothing listens', async () => {
    expect(await askEnvoy(envoyAdmin('127.0.0.1', 1), ISTIOD)).toEqual({
      ready: false,
      reason: 'Envoy is not running or not yet listening: connect ECONNREFUSED 127.0.0.1:1',
    });
  });
});
