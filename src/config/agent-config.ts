import type { Millis } from '../platform/duration.ts';
import type { AppProbers } from './app-probers.ts';
import type { ScrapeTarget } from './scrape-targets.ts';

/**
 * Everything the agent was told, validated and frozen: flags, environment, mesh config, annotations. Names are the
 * originals' where they have one. `undefined` means "not set", never an empty string.
 */
export interface AgentConfig {
  readonly role: Role;

  // Who this proxy is
  readonly serviceRegistry: 'Kubernetes' | 'Consul' | 'Mock';
  readonly ip: string | undefined;
  readonly id: string | undefined;
  readonly domain: string | undefined;
  readonly trustDomain: string;
  readonly podName: string | undefined;
  readonly podNamespace: string | undefined;
  /** `INSTANCE_IP` when it is an address, normalised. */
  readonly instanceIp: string | undefined;
  readonly hostIp: string | undefined;
  readonly serviceAccount: string | undefined;
  readonly istioNamespace: string | undefined;
  readonly pilotIdentity: string | undefined;
  readonly dualStack: boolean;
  readonly podLabelsFile: string;
  readonly podAnnotationsFile: string;
  /** Where the mesh configuration was looked for; the file may be missing. */
  readonly meshConfigFile: string;
  /** Interfaces whose addresses are not the proxy's (`traffic.sidecar.istio.io/excludeInterfaces`). */
  readonly excludeInterfaces: readonly string[];

  // Envoy
  readonly configPath: string;
  /** Undefined: look for Envoy on PATH, then in the cache. */
  readonly binaryPath: string | undefined;
  readonly serviceCluster: string;
  readonly tracingServiceName: TracingServiceName;
  readonly drainDuration: Millis;
  readonly parentShutdownDuration: Millis;
  readonly terminationDrainDuration: Millis;
  readonly minimumDrainDuration: Millis;
  /** A hot restart whose Envoy is not LIVE by then is abandoned. */
  readonly hotRestartTimeout: Millis;
  /** Starts after a crash before the agent gives up; 0: it ends with Envoy. */
  readonly maxRestarts: number;
  /** Whether a replaced Envoy binary makes a hot restart. */
  readonly watchBinary: boolean;
  /** Whether Envoys that an agent before this one left serving are ended instead of taken over. */
  readonly noAdopt: boolean;
  readonly proxyAdminPort: number;
  readonly proxyLogLevel: string;
  readonly proxyComponentLogLevel: string;
  /** 0: Envoy takes every core. */
  readonly concurrency: number;
  /** Undefined: 0 when it is free, otherwise one that is. */
  readonly baseId: number | undefined;
  readonly skipDeprecatedLogs: boolean;
  readonly enableCoreDump: boolean;
  readonly fileFlushInterval: Millis;
  readonly fileFlushMinSizeKb: number | undefined;
  /** `--proxy-uid`: who the agent becomes when it was started as root; the group has the same number. */
  readonly proxyUid: number;

  // Where Envoy's configuration comes from
  readonly localConfig: string | undefined;
  /** Folder of a mesh in YAML; the files made of it take the place of `localConfig`. */
  readonly meshDir: string | undefined;
  readonly discoveryAddress: string;
  readonly controlPlaneAuthPolicy: 'NONE' | 'MUTUAL_TLS';
  readonly connectTimeout: Millis;
  readonly dnsRefreshRate: Millis;
  readonly deltaXds: boolean;
  readonly jwtPolicy: 'third-party-jwt' | 'first-party-jwt' | 'none';
  readonly pilotCertProvider: string;
  readonly provisionedCertDir: string | undefined;
  readonly xdsRootCa: string | undefined;
  readonly istiodSan: string | undefined;
  readonly customConfigFile: string | undefined;
  readonly bootstrapOverrideFile: string | undefined;
  /** Content of the file named by `ISTIO_BOOTSTRAP_OVERRIDE`, parsed; `$(HOST_IP)` already replaced. */
  readonly bootstrapOverride: Readonly<Record<string, unknown>> | undefined;

  // What the bootstrap says beyond that
  readonly tracing: Tracing | undefined;
  readonly statsdUdpAddress: string | undefined;
  readonly envoyMetricsService: RemoteService | undefined;
  readonly envoyAccessLogService: RemoteService | undefined;
  readonly outlierLogPath: string | undefined;
  readonly stats: StatsOptions;
  readonly runtimeValues: Readonly<Record<string, string>>;
  readonly proxyMetadata: Readonly<Record<string, string>>;
  readonly meshId: string | undefined;
  readonly interceptionMode: string | undefined;
  readonly stsPort: number;
  /** The merged ProxyConfig, for the node metadata `PROXY_CONFIG`. */
  readonly proxyConfig: Readonly<Record<string, unknown>>;

  // Status and metrics
  /** 0: no status server. */
  readonly statusPort: number;
  readonly envoyStatusPort: number;
  readonly envoyStatusProxyProtocol: boolean;
  /** Where the agent serves merged metrics; 0: nowhere but on the status port. */
  readonly prometheusPort: number;
  readonly metricsLocalhostAccessOnly: boolean;
  readonly mergeEnvoyStats: boolean;
  readonly scrapeTargets: readonly ScrapeTarget[];
  readonly appProbers: AppProbers;
  readonly probeLocalhostDestination: boolean;
  readonly probeHttp2: boolean;
  readonly probeKeepAlive: boolean;

  // Log
  readonly log: LogOptions;
}

export type Role = 'sidecar' | 'router';
export type TracingServiceName =
  | 'APP_LABEL_AND_NAMESPACE'
  | 'CANONICAL_NAME_ONLY'
  | 'CANONICAL_NAME_AND_NAMESPACE';

export interface LogOptions {
  readonly json: boolean;
  /** Scope -> level; `default` is always there. */
  readonly levels: Readonly<Record<string, LogLevel>>;
}
export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'none';

export type Tracing =
  | { readonly kind: 'zipkin'; readonly address: string; readonly tls?: TlsSettings | undefined }
  | { readonly kind: 'datadog'; readonly address: string; readonly tls?: TlsSettings | undefined }
  | {
      readonly kind: 'lightstep';
      readonly address: string;
      /** Secret: never printed, logged or put in argv. */
      readonly accessToken: string;
      readonly tls?: TlsSettings | undefined;
    };

/** A gRPC service that Envoy itself talks to (`envoyMetricsService`, `envoyAccessLogService`). */
export interface RemoteService {
  readonly address: string;
  readonly tls: TlsSettings | undefined;
  readonly tcpKeepalive:
    | {
        readonly probes?: number | undefined;
        readonly time?: Millis | undefined;
        readonly interval?: Millis | undefined;
      }
    | undefined;
}

export type TlsSettings =
  | {
      readonly mode: 'SIMPLE';
      readonly caCertificates?: string | undefined;
      readonly sni?: string | undefined;
      readonly subjectAltNames: readonly string[];
    }
  | {
      readonly mode: 'MUTUAL' | 'ISTIO_MUTUAL';
      readonly clientCertificate: string;
      readonly privateKey: string;
      readonly caCertificates?: string | undefined;
      readonly sni?: string | undefined;
      readonly subjectAltNames: readonly string[];
    };

/** The `sidecar.istio.io/stats*` annotations and `proxyStatsMatcher`, an annotation beating the latter kind by kind. */
export interface StatsOptions {
  readonly inclusionPrefixes: readonly string[];
  readonly inclusionSuffixes: readonly string[];
  readonly inclusionRegexps: readonly string[];
  readonly extraTags: readonly string[];
  /** Prefix of a stat name -> upper bounds of its histogram buckets. */
  readonly histogramBuckets: Readonly<Record<string, readonly number[]>>;
  readonly flushInterval: Millis | undefined;
  readonly evictionInterval: Millis | undefined;
}
