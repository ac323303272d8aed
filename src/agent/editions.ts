import { join, resolve } from 'node:path';
import type { LocalFiles } from '../bootstrap/dynamic-resources.ts';
import type { NodeIdentity } from '../bootstrap/identity.ts';
import { findLocalFiles } from '../bootstrap/local-files.ts';
import { resolveStatsd } from '../bootstrap/statsd.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { nameBootstrap } from './bootstrap-files.ts';
import { type BootstrapText, customBootstrap, generatedBootstrap } from './bootstrap-source.ts';
import { describeNode, type Pod } from './node.ts';

/** Everything that one Envoy is started with. Inputs that change make a new one; the old one stays what it was. */
export interface Edition {
  /** Short, and another one for every other content. */
  readonly name: string;
  readonly config: AgentConfig;
  readonly identity: NodeIdentity;
  readonly bootstrap: BootstrapText;
  readonly localFiles: LocalFiles | undefined;
  /** What was wrong with the inputs without being in the way. */
  readonly warnings: readonly string[];
}

/** Where the files are that are made of `--meshDir`. */
export function meshFilesFolder({ configPath }: Pick<AgentConfig, 'configPath'>): string {
  return join(resolve(configPath), 'mesh');
}

/** What the agent itself writes, each by a rename; a change of one is none of the other. */
const MESH_FILES: LocalFiles = { lds: 'lds.json', cds: 'cds.json', watch: 'each' };

/**
 * Derives what an Envoy is started with from a configuration, the pod's files, the environment and the machine's addresses.
 * @throws InputError or EnvironmentError naming what cannot be used
 */
export async function deriveEdition(
  config: AgentConfig,
  pod: Pod,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Edition> {
  const { customConfigFile, bootstrapOverride, localConfig } = config;
  const { identity, metadata, warnings } = describeNode(config, pod, env);
  const localFiles =
    localConfig === undefined
      ? undefined
      : config.meshDir === undefined
        ? await findLocalFiles(localConfig)
        : MESH_FILES;
  const statsd =
    config.statsdUdpAddress === undefined ? undefined : await resolveStatsd(config.statsdUdpAddress);
  const input = {
    // A name that does not resolve turns statsd off, and nothing else.
    config: statsd?.kind === 'failed' ? { ...config, statsdUdpAddress: undefined } : config,
    identity,
    metadata,
    localFiles,
    statsd: statsd?.kind === 'resolved' ? statsd.address : undefined,
  };
  const bootstrap =
    customConfigFile === undefined
      ? generatedBootstrap(input)
      : await customBootstrap(customConfigFile, bootstrapOverride);
  return {
    name: await nameBootstrap(bootstrap),
    config,
    identity,
    bootstrap,
    localFiles,
    warnings: statsd?.kind === 'failed' ? [...warnings, statsd.warning] : warnings,
  };
}

/** Settings of what the agent itself has open or has become; they cannot change while it runs. */
const PINNED = [
  'role',
  'configPath',
  'binaryPath',
  'proxyUid',
  'baseId',
  'proxyAdminPort',
  'statusPort',
  'prometheusPort',
  'localConfig',
  'meshDir',
  'log',
] as const satisfies readonly (keyof AgentConfig)[];

/**
 * A configuration that was read again, as far as it can take effect without a start of the agent.
 * @returns with it the names of settings that have changed and have to wait for one
 */
export function pinned(
  running: AgentConfig,
  again: AgentConfig,
): { readonly config: AgentConfig; readonly waiting: readonly string[] } {
  const waiting = PINNED.filter(
    (key) => key !== 'localConfig' && JSON.stringify(running[key]) !== JSON.stringify(again[key]),
  );
  const kept = Object.fromEntries(PINNED.map((key) => [key, running[key]]));
  return { config: { ...again, ...kept }, waiting };
}

/** The files that an edition was made from, the agent's own aside: a change of their content makes another. */
export function inputFiles({ config, bootstrap }: Edition): readonly string[] {
  return [...configFiles(config), ...bootstrap.certificates];
}

/** The files that the configuration comes from, whether they are there or not. */
export function configFiles(config: AgentConfig): readonly string[] {
  const { meshConfigFile, podLabelsFile, podAnnotationsFile, bootstrapOverrideFile, customConfigFile } =
    config;
  const files = [meshConfigFile, podLabelsFile, podAnnotationsFile, bootstrapOverrideFile, customConfigFile];
  return files.flatMap((file) => (file === undefined || file === '' ? [] : [file]));
}
