import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { untilLive } from '../../src/agent/live.ts';
import { takeOver } from '../../src/agent/take-over.ts';
import { envoyAdmin } from '../../src/envoy/admin.ts';
import { removeSharedMemory } from '../../src/envoy/base-id.ts';
import { findEnvoy } from '../../src/envoy/binary.ts';
import { startHeldEnvoy } from '../../src/envoy/held-process.ts';
import { readEnvoyArgv } from '../../src/envoy/read-argv.ts';
import { millis } from '../../src/platform/duration.ts';
import { processArgs, processIds } from '../../src/platform/processes.ts';
import { recordingLogger } from '../health/recording-logger.ts';
import { freePorts } from '../support/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { envoyArgs } from './envoy-args.ts';
import type { Orders, Step } from './fixtures/mortal-agent.ts';

export interface Scene {
  readonly configPath: string;
  readonly baseId: number;
  readonly adminPort: number;
  /** Of a listener that answers 200. */
  readonly port: number;
  readonly log: ReturnType<typeof recordingLogger>;
  /** Writes the bootstrap of an epoch; with `waits` it waits that long for a control plane that never answers. */
  bootstrap(epoch: number, waits?: string): Promise<void>;
  /** Runs an agent that takes these steps, and kills it with SIGKILL. */
  agentThatDies(steps: readonly Step[], as?: number): Promise<void>;
  /** Starts the next epoch, as the agent that comes next does, and waits until it is LIVE. */
  hotRestart(epoch: number): Promise<void>;
  /** Who answers on the admin port: `1 LIVE`. */
  admin(): Promise<string>;
  takeOver(adopt?: boolean): ReturnType<typeof takeOver>;
}

/** A folder, ports and a base id for Envoys that outlive their agent; ends every Envoy of it when the test is over. */
export async function createScene(fixture: string, program?: string): Promise<Scene> {
  const uid = process.getuid?.() ?? 0;
  const configPath = await tempFolder();
  const binary = program ?? (await findEnvoy(process.env));
  if (binary === undefined) throw new Error('no Envoy: run "npm run envoy"');
  const [adminPort = 0, port = 0, nowhere = 0] = await freePorts(3);
  const baseId = 1 + Math.floor(Math.random() * 2 ** 24);
  const log = recordingLogger();
  const admin = envoyAdmin('127.0.0.1', adminPort);
  onTestFinished(() => {
    for (const pid of processIds()) {
      if (readEnvoyArgv(processArgs(pid) ?? [])?.baseId === baseId) kill(pid);
    }
    removeSharedMemory(baseId);
  });
  return {
    configPath,
    baseId,
    adminPort,
    port,
    log,
    bootstrap: (epoch, waits) =>
      writeFile(
        join(configPath, `envoy-rev${epoch}.json`),
        JSON.stringify(bootstrap({ adminPort, port, nowhere, waits })),
      ),
    agentThatDies: async (steps, as = uid) => {
      const orders: Orders = { configPath, binary, baseId, adminPort, uid: as, steps };
      const agent = spawn(process.execPath, [fixture, JSON.stringify(orders)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      onTestFinished(() => void agent.kill('SIGKILL'));
      let said = '';
      agent.stdout.on('data', (chunk) => (said += chunk)); // its Envoys print there too
      await until('the agent has started them', () => said.includes('started\n'));
      const gone = once(agent, 'exit');
      agent.kill('SIGKILL');
      await gone;
    },
    hotRestart: async (epoch) => {
      startHeldEnvoy(binary, envoyArgs(configPath, epoch, baseId), process.env);
      await untilLive(admin, { epoch, baseId }, AbortSignal.timeout(15_000));
    },
    admin: async () => {
      const { body } = await admin.get('/server_info', millis(1_000));
      const info = JSON.parse(body) as { state: string; command_line_options: { restart_epoch: number } };
      return `${info.command_line_options.restart_epoch} ${info.state}`;
    },
    takeOver: (adopt = true) =>
      takeOver({
        configPath,
        uid,
        adopt,
        admin: (known = adminPort) => envoyAdmin('127.0.0.1', known),
        log,
      }),
  };
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone.
  }
}

interface BootstrapPorts {
  readonly adminPort: number;
  readonly port: number;
  readonly nowhere: number;
  readonly waits: string | undefined;
}

/** A listener that answers 200, and, if it is to wait, clusters from a control plane that is not there. */
function bootstrap({ adminPort, port, nowhere, waits }: BootstrapPorts) {
  const address = (value: number) => ({ socket_address: { address: '127.0.0.1', port_value: value } });
  const type = (name: string) => ({ '@type': `type.googleapis.com/envoy.extensions.${name}` });
  const answer = {
    ...type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'in',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: type('filters.http.router.v3.Router') }],
  };
  const clusters = {
    resource_api_version: 'V3',
    initial_fetch_timeout: waits,
    api_config_source: {
      api_type: 'GRPC',
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: 'control-plane' } }],
    },
  };
  const controlPlane = {
    name: 'control-plane',
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        ...type('upstreams.http.v3.HttpProtocolOptions'),
        explicit_http_config: { http2_protocol_options: {} },
      },
    },
    load_assignment: {
      cluster_name: 'control-plane',
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address(nowhere) } }] }],
    },
  };
  const filters = [{ name: 'http', typed_config: answer }];
  return {
    node: { id: 'test', cluster: 'test' },
    admin: { address: address(adminPort) },
    ...(waits === undefined ? {} : { dynamic_resources: { cds_config: clusters } }),
    static_resources: {
      listeners: [{ name: 'in', address: address(port), filter_chains: [{ filters }] }],
      clusters: [controlPlane],
    },
  };
}
