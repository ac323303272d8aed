/** Settings -> AgentConfig: what depends on more than one setting is decided here. */
import { formatGoDuration, type Millis, millis } from '../platform/duration.ts';
import { parseHostPort } from './addresses.ts';
import type { AgentConfig, RemoteService, Role } from './agent-config.ts';
import { parseAppProbers } from './app-probers.ts';
import { effectiveProxyConfig } from './effective-proxy-config.ts';
import { splitEnvoyLogLevel } from './envoy-log-level.ts';
import type { Findings } from './findings.ts';
import { DEFAULT, type Origin } from './origin.ts';
import { ownPorts, portClashes } from './ports.ts';
import { parseRemoteService } from './remote-service.ts';
import { nameSetting } from './resolve.ts';
import type { Key, Values } from './schema.ts';
import { parseScrapeTargets } from './scrape-targets.ts';
import { buildStats } from './stats.ts';
import { chooseTracing } from './tracing.ts';

export interface Parts {
  readonly role: Role;
  readonly values: Values;
  readonly origins: ReadonlyMap<Key, Origin>;
  readonly bootstrapOverride: AgentConfig['bootstrapOverride'];
  /** The merged ProxyConfig, as it was written. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Built {
  readonly config: AgentConfig;
  /** Origins that differ from those of the settings. */
  readonly derived: ReadonlyMap<keyof AgentConfig, Origin>;
}

const PLAIN_TEXT_PORT = 15010;
const TLS_PORT = 15012;
const PARENT_SHUTDOWN = millis(60_000);
/** By how much the replaced Envoy outlives its drain, where only the drain was set: the distance of the defaults. */
const SHUTDOWN_MARGIN = 15_000;
const ONE_HOUR = 3_600_000;

export function buildConfig(parts: Parts, findings: Findings): Built {
  const { role, values, origins, fields } = parts;
  const { problems } = findings;
  const name = (key: Key): string => nameSetting(key, origins.get(key) ?? DEFAULT);
  const derived = new Map<keyof AgentConfig, Origin>();

  const controlPlaneAuthPolicy = authPolicy(values, derived);
  const parentShutdownDuration = parentShutdown(values, name, problems, derived);
  const sources = (['customConfigFile', 'localConfig', 'meshDir'] as const).filter(
    (key) => values[key] !== undefined,
  );
  if (sources.length > 1) {
    const only = sources.length === 2 ? 'the two' : 'them';
    problems.push(`${sources.map(name).join(' and ')}: give only one of ${only}`);
  }
  problems.push(...portClashes(values, name));
  const zipkinIsFlag = origins.get('zipkinAddress')?.kind === 'flag';
  const { tracing, from } = chooseTracing(values, name, zipkinIsFlag, findings);
  derived.set('tracing', strongest(from, origins));
  const levels = splitEnvoyLogLevel(
    values.proxyLogLevel,
    values.proxyComponentLogLevel,
    { level: name('proxyLogLevel'), components: name('proxyComponentLogLevel') },
    findings,
  );
  const scrapeTargets = parseScrapeTargets(values.prometheusAnnotations, ownPorts(values, name), problems);

  const config: AgentConfig = {
    role,
    serviceRegistry: values.serviceRegistry,
    ip: values.ip,
    id: values.id,
    domain: values.domain,
    trustDomain: values.trustDomain === '' ? 'cluster.local' : values.trustDomain,
    podName: values.podName,
    podNamespace: values.podNamespace,
    instanceIp: values.instanceIp,
    hostIp: values.hostIp,
    serviceAccount: values.serviceAccount,
    istioNamespace: values.istioNamespace,
    pilotIdentity: values.pilotIdentity,
    dualStack: values.dualStack,
    podLabelsFile: values.podLabelsFile,
    podAnnotationsFile: values.podAnnotationsFile,
    meshConfigFile: values.meshConfig,
    excludeInterfaces: values.excludeInterfaces,
    configPath: values.configPath,
    binaryPath: values.binaryPath,
    serviceCluster: values.serviceCluster,
    tracingServiceName: values.tracingServiceName,
    drainDuration: values.drainDuration,
    parentShutdownDuration,
    terminationDrainDuration: values.terminationDrainDuration,
    minimumDrainDuration: values.minimumDrainDuration,
    hotRestartTimeout: values.hotRestartTimeout,
    maxRestarts: values.maxRestarts,
    watchBinary: values.watchBinary,
    noAdopt: values.noAdopt,
    proxyAdminPort: values.proxyAdminPort,
    proxyLogLevel: levels.level,
    proxyComponentLogLevel: levels.components,
    concurrency: values.concurrency,
    baseId: values.baseId,
    skipDeprecatedLogs: values.skipDeprecatedLogs,
    enableCoreDump: values.enableCoreDump,
    fileFlushInterval: values.fileFlushInterval,
    fileFlushMinSizeKb: values.fileFlushMinSizeKb,
    proxyUid: values.proxyUid,
    localConfig: values.localConfig,
    meshDir: values.meshDir,
    discoveryAddress: values.discoveryAddress,
    controlPlaneAuthPolicy,
    connectTimeout: values.connectTimeout,
    dnsRefreshRate: values.dnsRefreshRate,
    deltaXds: values.deltaXds,
    jwtPolicy: values.jwtPolicy,
    pilotCertProvider: values.pilotCertProvider,
    provisionedCertDir: values.provisionedCertDir,
    xdsRootCa: values.xdsRootCa,
    istiodSan: values.istiodSan,
    customConfigFile: values.customConfigFile,
    bootstrapOverrideFile: values.bootstrapOverrideFile,
    bootstrapOverride: parts.bootstrapOverride,
    tracing,
    statsdUdpAddress: values.statsdUdpAddress,
    envoyMetricsService: metricsService(values, name, problems),
    envoyAccessLogService: remote(values, 'envoyAccessLogService', name, problems),
    outlierLogPath: values.outlierLogPath,
    stats: buildStats(values, name, findings),
    runtimeValues: Object.fromEntries(values.runtimeValues),
    proxyMetadata: Object.fromEntries(values.proxyMetadata),
    meshId: values.meshId,
    interceptionMode: values.interceptionMode,
    stsPort: values.stsPort,
    proxyConfig: effectiveProxyConfig(fields, values, controlPlaneAuthPolicy),
    statusPort: values.statusPort,
    envoyStatusPort: values.envoyStatusPort,
    envoyStatusProxyProtocol: values.envoyStatusProxyProtocol,
    prometheusPort: values.prometheusPort,
    metricsLocalhostAccessOnly: values.metricsLocalhostAccessOnly,
    mergeEnvoyStats: values.mergeEnvoyStats,
    // A gateway has no application beside it.
    scrapeTargets: role === 'sidecar' ? scrapeTargets : [],
    appProbers: parseAppProbers(values.appProbers, problems),
    probeLocalhostDestination: values.probeLocalhostDestination,
    probeHttp2: values.probeHttp2,
    probeKeepAlive: values.probeKeepAlive,
    log: { json: values.logAsJson, levels: Object.fromEntries(values.logOutputLevel) },
  };
  return { config, derived };
}

/** Port 15012 is TLS, whatever was said: the injected 1.5 command line says NONE (pilot-agent-1.5.md §1.7). */
function authPolicy(
  { discoveryAddress, controlPlaneAuthPolicy }: Values,
  derived: Map<keyof AgentConfig, Origin>,
): AgentConfig['controlPlaneAuthPolicy'] {
  const { port } = parseHostPort(discoveryAddress);
  if (controlPlaneAuthPolicy !== undefined && port !== TLS_PORT) return controlPlaneAuthPolicy;
  derived.set('controlPlaneAuthPolicy', { kind: 'derived', from: `the port of discoveryAddress, ${port}` });
  return port === PLAIN_TEXT_PORT ? 'NONE' : 'MUTUAL_TLS';
}

/** Given: must be greater than the drain. Otherwise: a minute, or what a longer drain needs. */
function parentShutdown(
  { drainDuration: drain, parentShutdownDuration: given }: Values,
  name: (key: Key) => string,
  problems: string[],
  derived: Map<keyof AgentConfig, Origin>,
): Millis {
  const shown = formatGoDuration(drain);
  if (given !== undefined && given <= drain) {
    problems.push(
      `${name('parentShutdownDuration')} "${formatGoDuration(given)}": must be greater than the drain time "${shown}" (${name('drainDuration')})`,
    );
  }
  if (given !== undefined) return given;
  if (drain < PARENT_SHUTDOWN) return PARENT_SHUTDOWN;
  derived.set('parentShutdownDuration', { kind: 'derived', from: 'drainDuration' });
  if (drain >= ONE_HOUR) {
    problems.push(`${name('drainDuration')} "${shown}": must be less than 1h0m0s`);
  }
  return millis(Math.min(drain + SHUTDOWN_MARGIN, ONE_HOUR));
}

function remote(
  values: Values,
  key: 'envoyMetricsService' | 'envoyAccessLogService',
  name: (key: Key) => string,
  problems: string[],
): RemoteService | undefined {
  const fields = values[key];
  return fields === undefined
    ? undefined
    : parseRemoteService(name(key), Object.fromEntries(fields), problems);
}

function metricsService(
  values: Values,
  name: (key: Key) => string,
  problems: string[],
): RemoteService | undefined {
  const service = remote(values, 'envoyMetricsService', name, problems);
  const address = values.envoyMetricsServiceAddress;
  return (
    service ?? (address === undefined ? undefined : { address, tls: undefined, tcpKeepalive: undefined })
  );
}

function strongest(keys: readonly Key[], origins: ReadonlyMap<Key, Origin>): Origin {
  return keys.map((key) => origins.get(key)).find((origin) => origin?.kind !== 'default') ?? DEFAULT;
}
