import { isAbsolute, join } from 'node:path';
import type { AgentConfig } from '../config/agent-config.ts';
import type { Bootstrap, ConfigSource } from './envoy-api.ts';
import { XDS_CLUSTER } from './static-clusters.ts';

/** The files of `--localConfig`: names in that folder, or absolute paths. */
export interface LocalFiles {
  readonly lds: string;
  readonly cds: string;
  /** `each`: only a rename over a file makes Envoy read it again, not one of whatever else is in the folder. */
  readonly watch?: 'each';
}

type DynamicResources = Bootstrap['dynamic_resources'];

/**
 * Listeners and clusters from files in a folder that Envoy watches. Envoy 1.40 reads both again when something is *renamed*
 * inside the folder (a file moved over the old one, the kubelet's swap of `..data`), and does not notice a file that is
 * edited in place (`watchLocalFiles` helps). Both files must exist when Envoy starts.
 */
export function localResources(folder: string, files: LocalFiles): DynamicResources {
  const source = (file: string): ConfigSource => ({
    path_config_source: {
      path: isAbsolute(file) ? file : join(folder, file),
      ...(files.watch === 'each' ? {} : { watched_directory: { path: folder } }),
    },
    resource_api_version: 'V3',
  });
  return { lds_config: source(files.lds), cds_config: source(files.cds) };
}

/** Listeners and clusters from the control plane. Envoy is not ready before it has them, however long that takes. */
export function controlPlaneResources({ deltaXds }: Pick<AgentConfig, 'deltaXds'>): DynamicResources {
  const source: ConfigSource = { ads: {}, initial_fetch_timeout: '0s', resource_api_version: 'V3' };
  return {
    lds_config: source,
    cds_config: source,
    ads_config: {
      api_type: deltaXds ? 'DELTA_GRPC' : 'GRPC',
      set_node_on_first_message_only: true,
      transport_api_version: 'V3',
      grpc_services: [{ envoy_grpc: { cluster_name: XDS_CLUSTER } }],
    },
  };
}
