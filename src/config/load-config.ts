/** The door of this room: command line, environment and files in, one frozen AgentConfig out. */
import { InputError, toError } from '../platform/errors.ts';
import type { AgentConfig } from './agent-config.ts';
import { parseArgv } from './argv.ts';
import { type ReadFile, readBootstrapOverride } from './bootstrap-override.ts';
import { buildConfig } from './build-config.ts';
import { expandVariables } from './expand.ts';
import type { Findings } from './findings.ts';
import { isObject } from './json.ts';
import { DEFAULT, mergeOrigins, type Origin } from './origin.ts';
import { readPodAnnotations } from './pod-annotations.ts';
import { type Layer, mergeLayers, parseLayer, toText, unknownFields } from './proxy-config.ts';
import { resolve } from './resolve.ts';
import { type Key, SCHEMA, SETTINGS } from './schema.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface LoadInput {
  /** What follows `proxy`. */
  readonly argv: readonly string[];
  readonly env: Env;
  /** Undefined: there is no such file. */
  readonly readFile: ReadFile;
}

export interface LoadedConfig {
  readonly config: AgentConfig;
  /** Key of AgentConfig -> where its value came from. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** To be logged, once there is a log. */
  readonly warnings: readonly string[];
  readonly printConfig: boolean;
  readonly output: 'text' | 'json';
}

const CONFIG_ANNOTATION = 'proxy.istio.io/config';

/**
 * Puts the configuration together. Weakest first: built-in default, environment variable, mesh config file,
 * `PROXY_CONFIG`, annotation `proxy.istio.io/config`, annotation of the setting's own, flag.
 * @throws InputError with every problem of every source
 */
export async function loadConfig({ argv, env, readFile }: LoadInput): Promise<LoadedConfig> {
  const command = parseArgv(argv);
  const findings: Findings = { problems: [...command.problems], warnings: [...command.warnings] };
  const path = expandVariables(command.flags.get('meshConfig')?.text ?? SCHEMA.meshConfig.default, env);
  const annotationsFile = SCHEMA.podAnnotationsFile.default;
  const annotations = await readPodAnnotations(annotationsFile, env, readFile, findings.warnings);
  const layers = await readLayers(path, env, annotations, readFile, findings.problems);
  const known = new Set(SETTINGS.map(([, { field }]) => field ?? ''));
  findings.warnings.push(...unknownFields(layers, known));
  const merged = mergeLayers(layers);

  const resolved = resolve({
    flags: command.flags,
    annotations,
    fields: merged,
    env,
    metadata: readMetadata(merged.get('proxyMetadata')?.value),
  });
  findings.problems.push(...resolved.problems);
  findings.warnings.push(...resolved.warnings);
  const { values } = resolved;

  const overrideFile = values.bootstrapOverrideFile;
  const bootstrapOverride = await readBootstrapOverride(overrideFile, values.hostIp, readFile, findings);
  const fields = Object.fromEntries([...merged].map(([name, { value }]) => [name, value]));
  const parts = { role: command.role, values, origins: resolved.origins, bootstrapOverride, fields };
  const { config, derived } = buildConfig(parts, findings);
  if (findings.problems.length > 0) throw new InputError(findings.problems);
  const role: Origin = command.roleGiven ? { kind: 'argument' } : DEFAULT;
  const proxyConfig = mergeOrigins([...merged.values()].map(({ origin }) => origin));
  return {
    config: deepFreeze(config),
    origins: collectOrigins(
      config,
      resolved.origins,
      new Map([
        ...derived,
        ['role', role],
        ['proxyConfig', proxyConfig],
        ['bootstrapOverride', resolved.origins.get('bootstrapOverrideFile') ?? DEFAULT],
      ]),
    ),
    warnings: findings.warnings,
    printConfig: values.printConfig,
    output: values.output,
  };
}

async function readLayers(
  path: string,
  env: Env,
  annotations: ReadonlyMap<string, string>,
  readFile: ReadFile,
  problems: string[],
): Promise<readonly Layer[]> {
  let mesh: string | undefined;
  try {
    mesh = path === '' ? undefined : await readFile(path);
  } catch (error) {
    problems.push(`--meshConfig "${path}": cannot be read: ${toError(error).message}`);
  }
  return [
    await parseLayer({ kind: 'mesh-config', path }, mesh, problems, (document) => document['defaultConfig']),
    await parseLayer({ kind: 'proxy-config' }, env['PROXY_CONFIG'], problems),
    await parseLayer(
      { kind: 'annotation', name: CONFIG_ANNOTATION },
      annotations.get(CONFIG_ANNOTATION),
      problems,
    ),
  ];
}

function readMetadata(value: unknown): ReadonlyMap<string, string> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return new Map(entries.map(([name, entry]) => [name, toText(entry) ?? '']));
}

/** Key of AgentConfig -> the settings that make it up. */
const FEEDING: ReadonlyMap<string, readonly Key[]> = (() => {
  const feeding = new Map<string, Key[]>();
  for (const [name, { feeds = name }] of SETTINGS) {
    if (feeds === null) continue;
    const others = feeding.get(feeds);
    if (others === undefined) feeding.set(feeds, [name]);
    else others.push(name);
  }
  return feeding;
})();

/** Which settings make up a key of AgentConfig. */
export function feeding(key: string): readonly Key[] {
  return FEEDING.get(key) ?? [];
}

function collectOrigins(
  config: AgentConfig,
  origins: ReadonlyMap<Key, Origin>,
  derived: ReadonlyMap<string, Origin>,
): ReadonlyMap<string, Origin> {
  return new Map(
    Object.keys(config).map((key) => [
      key,
      derived.get(key) ?? mergeOrigins(feeding(key).map((name) => origins.get(name) ?? DEFAULT)),
    ]),
  );
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of value instanceof Map ? value.values() : Object.values(value)) deepFreeze(part);
  }
  return value;
}
