import { type BootstrapInput, buildBootstrap } from '../../src/bootstrap/bootstrap.ts';
import type { Bootstrap } from '../../src/bootstrap/envoy-api.ts';
import { resolveIdentity } from '../../src/bootstrap/identity.ts';
import { nodeMetadata } from '../../src/bootstrap/metadata.ts';
import type { AgentConfig } from '../../src/config/agent-config.ts';
import type { InterfaceAddress } from '../../src/platform/addresses.ts';
import { sampleConfig } from './sample-config.ts';

export interface Surroundings {
  readonly addresses?: readonly InterfaceAddress[];
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: ReadonlyMap<string, string>;
  readonly annotations?: ReadonlyMap<string, string>;
  readonly localFiles?: BootstrapInput['localFiles'];
}

/** The whole way from configuration to bootstrap, as `proxy` goes it. */
export function buildSample(change: Partial<AgentConfig> = {}, around: Surroundings = {}): Bootstrap {
  const config = sampleConfig(change);
  const { addresses = [], env = {}, labels = new Map(), annotations = new Map() } = around;
  const identity = resolveIdentity({
    config,
    addresses,
    labels,
    workloadName: env['ISTIO_META_WORKLOAD_NAME'],
    hostname: undefined,
  });
  const metadata = nodeMetadata({ config, identity, env, labels, annotations });
  return buildBootstrap({ config, identity, metadata, localFiles: around.localFiles });
}
