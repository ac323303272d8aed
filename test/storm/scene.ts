import { rename, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { StatusReport } from '../../src/health/status-report.ts';
import { makeFolder } from '../support/folder.ts';
import { openApplication, openTcpServer } from '../support/http-application.ts';
import { launchAgent, type RunningAgent } from '../support/launch.ts';
import { http1Load, http2Load, type Load, tcpLoad } from '../support/load.ts';
import type { OnClose } from '../support/on-close.ts';
import { freePorts } from '../support/ports.ts';
import { slowToInitialize } from '../support/spoiled.ts';
import { writeLocalConfig } from '../support/xds-files.ts';
import { cluster, inboundListener, tcpListener } from '../support/xds-resources.ts';
import type { Spoiled } from './plan.ts';

export interface Scene {
  readonly agent: RunningAgent;
  readonly loads: Readonly<Record<LoadName, Load>>;
  /** Makes the bootstrap another valid one. */
  change(value: number): Promise<void>;
  spoil(how: Spoiled): Promise<void>;
  status(): Promise<StatusReport>;
}

export type LoadName = 'keepAlive' | 'newConnections' | 'http2' | 'tcp';

const HOT_RESTART_TIMEOUT_S = 3;
const DRAIN_S = 2;
/** Of a TCP connection: it must fit into the drain. */
const TCP_LIFE_MS = 500;
/** Between two requests of a client: the machine is needed for the Envoys. */
const PAUSE_MS = 3;

/** A sidecar under load, whose bootstrap can be changed and spoiled. */
export async function openScene(onClose: OnClose, executable: string): Promise<Scene> {
  const application = await openApplication(onClose);
  const [echo, silent, taken] = [
    await openTcpServer(onClose, 'echo'),
    await openTcpServer(onClose, 'silent'),
    await takePort(onClose),
  ];
  const [http = 0, tcp = 0] = await freePorts(2);
  const folder = await makeFolder(onClose);
  const { folder: xds, write } = await writeLocalConfig(folder, http, application.port);
  await write('cds.yaml', { resources: [cluster('app', application.port), cluster('echo', echo)] });
  await write('lds.yaml', {
    resources: [inboundListener(http, { cluster: 'app', timeout: '60s' }), tcpListener(tcp, 'echo')],
  });
  const file = join(folder, 'override.json');
  const override = async (text: string) => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  await override('{}');
  const { '@type': _, ...listener } = inboundListener(taken, { cluster: 'agent' });
  const spoiled: Readonly<Record<Spoiled, string>> = {
    text: '{ this is no JSON',
    field: JSON.stringify({ no_such_field: 1 }),
    port: JSON.stringify({ static_resources: { listeners: [{ ...listener, enable_reuse_port: false }] } }),
    wait: JSON.stringify(slowToInitialize(silent, 600)),
  };
  const agent = await launchAgent(onClose, {
    executable,
    args: [
      ...['--localConfig', xds],
      ...['--drainDuration', `${DRAIN_S}s`, '--parentShutdownDuration', `${DRAIN_S + 1}s`],
      ...['--hotRestartTimeout', `${HOT_RESTART_TIMEOUT_S}s`],
      // Envoy says when it takes over: after that a child is no child any more.
      ...['--proxyComponentLogLevel', 'main:info,config:info'],
    ],
    env: { ISTIO_BOOTSTRAP_OVERRIDE: file },
  });
  await agent.ready();
  const loads = {
    keepAlive: http1Load(http, 4, { pauseMs: PAUSE_MS }),
    newConnections: http1Load(http, 2, { keepAlive: false, pauseMs: PAUSE_MS }),
    http2: http2Load(http, 2, { pauseMs: PAUSE_MS }),
    tcp: tcpLoad(tcp, 3, TCP_LIFE_MS),
  };
  onClose(async () => {
    await Promise.all(Object.values(loads).map((load) => load.stop()));
  });
  return {
    agent,
    loads,
    change: (value) => override(JSON.stringify({ node: { metadata: { storm: value } } })),
    spoil: (how) => override(spoiled[how]),
    status: async () => JSON.parse((await agent.get(agent.ports.status, '/status')).body),
  };
}

async function takePort(onClose: OnClose): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onClose(() => void server.close());
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
