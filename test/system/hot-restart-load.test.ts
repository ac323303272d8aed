import { describe, expect, it, onTestFinished } from 'vitest';
import { startAgent } from '../support/agent.ts';
import { startApplication } from '../support/application.ts';
import { openTcpServer } from '../support/http-application.ts';
import { http1Load, http2Load, tcpLoad } from '../support/load.ts';
import { localConfig } from '../support/local-config.ts';
import { freePorts } from '../support/ports.ts';
import { until } from '../support/until.ts';
import { cluster, inboundListener, tcpListener } from '../support/xds-resources.ts';

const RESTARTS = 20;
const DRAIN_S = 2;

describe('hot restarts under load', () => {
  it(`lose no request and refuse no connection, ${RESTARTS} in a row with mixed triggers`, {
    timeout: 240_000,
  }, async () => {
    const application = await startApplication();
    const echo = await openTcpServer(onTestFinished, 'echo');
    const [http = 0, tcp = 0] = await freePorts(2);
    const { folder, write } = await localConfig(http, application.port);
    await write('cds.yaml', { resources: [cluster('app', application.port), cluster('echo', echo)] });
    await write('lds.yaml', {
      resources: [inboundListener(http, { cluster: 'app', timeout: '60s' }), tcpListener(tcp, 'echo')],
    });
    const agent = await startAgent({
      args: [
        ...['--localConfig', folder],
        ...['--drainDuration', `${DRAIN_S}s`, '--parentShutdownDuration', `${DRAIN_S + 1}s`],
      ],
    });
    await agent.ready();
    const loads = [
      http1Load(http, 6),
      http1Load(http, 2, { keepAlive: false }),
      http2Load(http, 2),
      tcpLoad(tcp, 4, DRAIN_S * 500),
    ];
    let unready = 0;
    const probing = setInterval(() => {
      agent.get(agent.ports.status, '/healthz/ready').then(
        ({ status }) => {
          if (status !== 200) unready += 1;
        },
        () => {
          unready += 1;
        },
      );
    }, 50);
    onTestFinished(() => clearInterval(probing));

    for (let restart = 1; restart <= RESTARTS; restart += 1) {
      if (restart % 2 === 0) agent.signal('SIGHUP');
      else {
        const { status, body } = await agent.post(agent.ports.status, '/restart', 60_000);
        expect([status, body]).toEqual([200, expect.stringContaining('"outcome":"live"')]);
      }
      await agent.says(`Epoch ${restart} is LIVE`);
    }
    const before = loads.map((load) => load.succeeded());
    await until('traffic flows through the last epoch', () =>
      loads.every((load, at) => load.succeeded() > (before[at] ?? 0)),
    );
    await Promise.all(loads.map((load) => load.stop()));
    clearInterval(probing);
    const counts = loads.map((load) => load.succeeded());
    process.stdout.write(
      `${RESTARTS} hot restarts: ${counts[0]} requests over keep-alive connections, ${counts[1]} over new connections, ` +
        `${counts[2]} over HTTP/2, ${counts[3]} TCP connections\n`,
    );
    expect(loads.flatMap((load) => load.failures())).toEqual([]);
    expect(unready).toBe(0);
  });
});
