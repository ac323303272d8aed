import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tempFolder } from './temp-folder.ts';

export interface LocalConfig {
  readonly folder: string;
  /** Replaces a file by rename, as a Kubernetes volume or an editor does. */
  write(name: 'lds.yaml' | 'cds.yaml', content: unknown): Promise<void>;
}

/** xDS files in a folder: an inbound listener on `inboundPort` that leads to an application on `appPort`. */
export async function localConfig(inboundPort: number, appPort: number): Promise<LocalConfig> {
  const folder = join(await tempFolder(), 'xds');
  await mkdir(folder);
  const write = async (name: string, content: unknown) => {
    await writeFile(join(folder, `.${name}.new`), JSON.stringify(content));
    await rename(join(folder, `.${name}.new`), join(folder, name));
  };
  await write('cds.yaml', { resources: [cluster('app', appPort)] });
  await write('lds.yaml', { resources: [inboundListener(inboundPort, { cluster: 'app', timeout: '60s' })] });
  return { folder, write };
}

export function cluster(name: string, port: number) {
  return {
    '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
    name,
    connect_timeout: '1s',
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
    },
  };
}

export function inboundListener(port: number, route: object) {
  return {
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: 'inbound',
    traffic_direction: 'INBOUND',
    address: socketAddress(port),
    filter_chains: [
      {
        filters: [
          {
            name: 'http',
            typed_config: {
              '@type':
                'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
              stat_prefix: 'inbound',
              route_config: {
                virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route }] }],
              },
              http_filters: [
                {
                  name: 'router',
                  typed_config: {
                    '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                  },
                },
              ],
            },
          },
        ],
      },
    ],
  };
}

function socketAddress(port: number) {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

/** A listener that hands its connections to a cluster byte for byte. */
export function tcpListener(port: number, to: string) {
  return {
    '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
    name: `tcp_${port}`,
    traffic_direction: 'INBOUND',
    address: socketAddress(port),
    filter_chains: [
      {
        filters: [
          {
            name: 'tcp',
            typed_config: {
              '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
              stat_prefix: 'tcp',
              cluster: to,
            },
          },
        ],
      },
    ],
  };
}
