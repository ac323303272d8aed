import { InputError } from '../platform/errors.ts';
import { type Fields, isObject } from './json.ts';
import type { StringMap } from './kubernetes.ts';
import type { LabelSelector } from './selectors.ts';
import { readTree } from './tree-reader.ts';

/** Which Istio the result is like: what its container looks like, and which rules hold. */
export type Compat = '1.5' | '1.30';
export const COMPATS: readonly string[] = ['1.5', '1.30'] satisfies Compat[];

/** The values of Istio's charts that injection reads. Each has the name of its path, from `global` on. */
export interface Values {
  readonly hub: string;
  readonly tag: string;
  readonly imagePullPolicy: string;
  readonly imagePullSecrets: readonly string[];
  readonly jwtPolicy: string;
  readonly pilotCertProvider: string;
  readonly caAddress: string;
  readonly configNamespace: string;
  readonly istioNamespace: string;
  readonly trustDomain: string;
  readonly meshID: string;
  readonly network: string;
  readonly clusterName: string;
  readonly podDNSSearchNamespaces: readonly string[];
  readonly stsPort: number;
  readonly tokenAudience: string;
  readonly logAsJson: boolean;
  readonly agentLogLevel: string;
  readonly istiodEnabled: boolean;
  readonly controlPlaneSecurityEnabled: boolean;
  readonly mountMtlsCerts: boolean;
  readonly nativeNftables: boolean;
  readonly proxy: {
    readonly image: string;
    readonly clusterDomain: string;
    readonly logLevel: string;
    readonly componentLogLevel: string;
    readonly privileged: boolean;
    readonly enableCoreDump: boolean;
    readonly includeIPRanges: string;
    readonly excludeIPRanges: string;
    readonly includeInboundPorts: string;
    readonly excludeInboundPorts: string;
    readonly includeOutboundPorts: string;
    readonly excludeOutboundPorts: string;
    readonly statusPort: string;
    readonly readinessInitialDelaySeconds: number;
    readonly readinessPeriodSeconds: number;
    readonly readinessFailureThreshold: number;
    /** Undefined: no startup probe. */
    readonly startupFailureThreshold: number | undefined;
    readonly tracer: string;
    readonly lightstepCacertPath: string;
    readonly statsdEnabled: boolean;
    readonly metricsServiceEnabled: boolean;
    readonly accessLogServiceEnabled: boolean;
    readonly dnsRefreshRate: string;
    readonly resources: Fields;
    readonly lifecycle: Fields | undefined;
    readonly holdApplicationUntilProxyStarts: boolean;
    readonly capNetBindService: string;
    readonly outlierLogPath: string;
  };
  readonly init: {
    readonly image: string;
    readonly resources: Fields;
    readonly forceApplyIptables: boolean;
  };
  readonly cni: { readonly enabled: boolean; readonly chained: boolean };
  readonly revision: string;
  readonly compliancePolicy: string;
  /** Undefined: as `compat` has it. */
  readonly nativeSidecars: boolean | undefined;
  readonly webhook: {
    /** `enabled`, `disabled`, or something that is neither, which counts as disabled. */
    readonly policy: string;
    readonly rewriteAppHTTPProbe: boolean;
    readonly neverInjectSelector: readonly LabelSelector[];
    readonly alwaysInjectSelector: readonly LabelSelector[];
    readonly injectedAnnotations: StringMap;
    readonly enableNamespacesByDefault: boolean;
    readonly objectSelectorEnabled: boolean;
    readonly objectSelectorAutoInject: boolean;
    readonly templates: Readonly<Record<string, Fields>>;
    readonly defaultTemplates: readonly string[];
  };
}

const LIMITS = { cpu: '2000m', memory: '1024Mi' };
const PROXY_RESOURCES = { requests: { cpu: '100m', memory: '128Mi' }, limits: LIMITS };

/** What the charts of the two versions set differently. */
const BY_VERSION = {
  '1.5': {
    tag: '1.5.1',
    imagePullPolicy: 'Always',
    readiness: { delay: 1, period: 2, failures: 30 },
    tracer: 'zipkin',
    trustDomain: 'cluster.local',
    rewriteAppHTTPProbe: false,
    objectSelectorEnabled: false,
    initResources: { requests: { cpu: '10m', memory: '10Mi' }, limits: { cpu: '100m', memory: '50Mi' } },
  },
  '1.30': {
    tag: '1.30.0',
    imagePullPolicy: '',
    readiness: { delay: 0, period: 15, failures: 4 },
    tracer: 'none',
    trustDomain: '',
    rewriteAppHTTPProbe: true,
    objectSelectorEnabled: true,
    initResources: {},
  },
} as const;

/** Namespaces in which pods are never injected. */
export const IGNORED_NAMESPACES: Readonly<Record<Compat, readonly string[]>> = {
  '1.5': ['kube-system', 'kube-public'],
  '1.30': ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage'],
};

/**
 * Reads a values file over the defaults of the chart. Values that injection does not know are left alone.
 * @param tree the parsed file; undefined or null when there is none. Templates in it are patches, already parsed.
 * @throws InputError with every value that is of the wrong type
 */
export function readValues(tree: unknown, compat: Compat): Values {
  if (tree !== undefined && tree !== null && !isObject(tree)) {
    throw new InputError(['values: expected an object with "global", "istio_cni", "sidecarInjectorWebhook"']);
  }
  const from = BY_VERSION[compat];
  const at = readTree(isObject(tree) ? tree : {}, 'values');
  const webhook = 'sidecarInjectorWebhook';
  const values: Values = {
    hub: at.text('global.hub', 'docker.io/istio') || 'docker.io/istio',
    tag: at.text('global.tag', from.tag) || from.tag,
    imagePullPolicy: at.text('global.imagePullPolicy', '') || from.imagePullPolicy,
    imagePullSecrets: at.texts('global.imagePullSecrets'),
    jwtPolicy: at.text('global.jwtPolicy', 'third-party-jwt'),
    pilotCertProvider: at.text('global.pilotCertProvider', 'istiod'),
    caAddress: at.text('global.caAddress', ''),
    configNamespace: at.text('global.configNamespace', ''),
    istioNamespace: at.text('global.istioNamespace', 'istio-system'),
    trustDomain: at.text('global.trustDomain', from.trustDomain),
    meshID: at.text('global.meshID', ''),
    network: at.text('global.network', ''),
    clusterName: at.text('global.multiCluster.clusterName', '') || 'Kubernetes',
    podDNSSearchNamespaces: at.texts('global.podDNSSearchNamespaces'),
    stsPort: at.number('global.sts.servicePort', 0),
    tokenAudience: at.text('global.sds.token.aud', 'istio-ca'),
    logAsJson: at.flag('global.logAsJson', false),
    agentLogLevel: at.text('global.logging.level', 'default:info'),
    istiodEnabled: at.flag('global.istiod.enabled', true),
    controlPlaneSecurityEnabled: at.flag('global.controlPlaneSecurityEnabled', false),
    mountMtlsCerts: at.flag('global.mountMtlsCerts', false),
    nativeNftables: at.flag('global.nativeNftables', false),
    proxy: {
      image: at.text('global.proxy.image', 'proxyv2'),
      clusterDomain: at.text('global.proxy.clusterDomain', 'cluster.local'),
      logLevel: at.text('global.proxy.logLevel', 'warning'),
      componentLogLevel: at.text('global.proxy.componentLogLevel', 'misc:error'),
      privileged: at.flag('global.proxy.privileged', false),
      enableCoreDump: at.flag('global.proxy.enableCoreDump', false),
      includeIPRanges: at.text('global.proxy.includeIPRanges', '*'),
      excludeIPRanges: at.text('global.proxy.excludeIPRanges', ''),
      includeInboundPorts: at.text('global.proxy.includeInboundPorts', '*'),
      excludeInboundPorts: at.text('global.proxy.excludeInboundPorts', ''),
      includeOutboundPorts: at.text('global.proxy.includeOutboundPorts', ''),
      excludeOutboundPorts: at.text('global.proxy.excludeOutboundPorts', ''),
      statusPort: String(at.number('global.proxy.statusPort', 15020)),
      readinessInitialDelaySeconds: at.number(
        'global.proxy.readinessInitialDelaySeconds',
        from.readiness.delay,
      ),
      readinessPeriodSeconds: at.number('global.proxy.readinessPeriodSeconds', from.readiness.period),
      readinessFailureThreshold: at.number('global.proxy.readinessFailureThreshold', from.readiness.failures),
      startupFailureThreshold: at.flag('global.proxy.startupProbe.enabled', true)
        ? at.number('global.proxy.startupProbe.failureThreshold', 600)
        : undefined,
      tracer: at.text('global.proxy.tracer', from.tracer),
      lightstepCacertPath: at.text('global.tracer.lightstep.cacertPath', ''),
      statsdEnabled: at.flag('global.proxy.envoyStatsd.enabled', false),
      metricsServiceEnabled: at.flag('global.proxy.envoyMetricsService.enabled', false),
      accessLogServiceEnabled: at.flag('global.proxy.envoyAccessLogService.enabled', false),
      dnsRefreshRate: at.text('global.proxy.dnsRefreshRate', '') || '300s',
      resources: at.object('global.proxy.resources', PROXY_RESOURCES),
      lifecycle:
        at.raw('global.proxy.lifecycle') === null ? undefined : at.object('global.proxy.lifecycle', {}),
      holdApplicationUntilProxyStarts: at.flag('global.proxy.holdApplicationUntilProxyStarts', false),
      capNetBindService: at.text('global.proxy.capNetBindService', ''),
      outlierLogPath: at.text('global.proxy.outlierLogPath', ''),
    },
    init: {
      image: at.text('global.proxy_init.image', 'proxyv2'),
      resources: at.object('global.proxy_init.resources', from.initResources),
      forceApplyIptables: at.flag('global.proxy_init.forceApplyIptables', false),
    },
    cni: { enabled: at.flag('istio_cni.enabled', false), chained: at.flag('istio_cni.chained', true) },
    revision: at.text('revision', ''),
    compliancePolicy: at.text('pilot.env.COMPLIANCE_POLICY', ''),
    nativeSidecars:
      at.raw('pilot.env.ENABLE_NATIVE_SIDECARS') === null
        ? undefined
        : at.flag('pilot.env.ENABLE_NATIVE_SIDECARS', false),
    webhook: {
      policy: at.text('global.proxy.autoInject', 'enabled'),
      rewriteAppHTTPProbe: at.flag(`${webhook}.rewriteAppHTTPProbe`, from.rewriteAppHTTPProbe),
      neverInjectSelector: at.objects(`${webhook}.neverInjectSelector`),
      alwaysInjectSelector: at.objects(`${webhook}.alwaysInjectSelector`),
      injectedAnnotations: at.map(`${webhook}.injectedAnnotations`),
      enableNamespacesByDefault: at.flag(`${webhook}.enableNamespacesByDefault`, false),
      objectSelectorEnabled: at.flag(`${webhook}.objectSelector.enabled`, from.objectSelectorEnabled),
      objectSelectorAutoInject: at.flag(`${webhook}.objectSelector.autoInject`, true),
      templates: patches(at.object(`${webhook}.templates`, {}), at.problems),
      defaultTemplates: at.texts(`${webhook}.defaultTemplates`),
    },
  };
  for (const entry of values.podDNSSearchNamespaces) {
    if (renderSearch(entry, '').includes('{{')) {
      at.problems.push(
        `values: global.podDNSSearchNamespaces: "${entry}": of Go templates only {{ .DeploymentMeta.Namespace }} is known`,
      );
    }
  }
  if (at.problems.length > 0) throw new InputError(at.problems);
  return values;
}

/** `{{ valueOrDefault .DeploymentMeta.Namespace "default" }}.global` -> `shop.global` */
export function renderSearch(entry: string, namespace: string): string {
  return entry.replaceAll(
    /\{\{-?\s*(?:valueOrDefault\s+)?\.DeploymentMeta\.Namespace(?:\s+["`]([^"`]*)["`])?\s*-?\}\}/g,
    (_, fallback: string | undefined) => namespace || (fallback ?? 'default'),
  );
}

function patches(templates: Fields, problems: string[]): Readonly<Record<string, Fields>> {
  const known: [string, Fields][] = [];
  for (const [name, patch] of Object.entries(templates)) {
    if (isObject(patch)) known.push([name, patch]);
    else {
      problems.push(
        `values: sidecarInjectorWebhook.templates.${name}: expected a patch, that is a part of a Pod with metadata and spec`,
      );
    }
  }
  return Object.fromEntries(known);
}
