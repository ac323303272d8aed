import { InputError } from '../platform/errors.ts';
import * as check from './checks.ts';
import type { StringMap } from './kubernetes.ts';

const TRAFFIC = 'traffic.sidecar.istio.io';
const READINESS = 'readiness.status.sidecar.istio.io';

/** The annotations of a pod that change what is injected. */
export const ANNOTATION = {
  status: 'sidecar.istio.io/status',
  rewriteProbes: 'sidecar.istio.io/rewriteAppHTTPProbers',
  discoveryAddress: 'sidecar.istio.io/discoveryAddress',
  proxyImage: 'sidecar.istio.io/proxyImage',
  proxyImageType: 'sidecar.istio.io/proxyImageType',
  proxyCPU: 'sidecar.istio.io/proxyCPU',
  proxyMemory: 'sidecar.istio.io/proxyMemory',
  proxyCPULimit: 'sidecar.istio.io/proxyCPULimit',
  proxyMemoryLimit: 'sidecar.istio.io/proxyMemoryLimit',
  interceptionMode: 'sidecar.istio.io/interceptionMode',
  bootstrapOverride: 'sidecar.istio.io/bootstrapOverride',
  userVolume: 'sidecar.istio.io/userVolume',
  userVolumeMount: 'sidecar.istio.io/userVolumeMount',
  enableCoreDump: 'sidecar.istio.io/enableCoreDump',
  logLevel: 'sidecar.istio.io/logLevel',
  componentLogLevel: 'sidecar.istio.io/componentLogLevel',
  agentLogLevel: 'sidecar.istio.io/agentLogLevel',
  capNetBindService: 'sidecar.istio.io/capNetBindService',
  nativeSidecar: 'sidecar.istio.io/nativeSidecar',
  datadogEnv: 'apm.datadoghq.com/env',
  statusPort: 'status.sidecar.istio.io/port',
  initialDelaySeconds: `${READINESS}/initialDelaySeconds`,
  periodSeconds: `${READINESS}/periodSeconds`,
  failureThreshold: `${READINESS}/failureThreshold`,
  includeOutboundIPRanges: `${TRAFFIC}/includeOutboundIPRanges`,
  excludeOutboundIPRanges: `${TRAFFIC}/excludeOutboundIPRanges`,
  includeInboundPorts: `${TRAFFIC}/includeInboundPorts`,
  excludeInboundPorts: `${TRAFFIC}/excludeInboundPorts`,
  includeOutboundPorts: `${TRAFFIC}/includeOutboundPorts`,
  excludeOutboundPorts: `${TRAFFIC}/excludeOutboundPorts`,
  kubevirtInterfaces: `${TRAFFIC}/kubevirtInterfaces`,
  rerouteInterfaces: 'istio.io/reroute-virtual-interfaces',
  excludeInterfaces: `${TRAFFIC}/excludeInterfaces`,
  mergeMetrics: 'prometheus.istio.io/merge-metrics',
  proxyConfig: 'proxy.istio.io/config',
  overrides: 'proxy.istio.io/overrides',
  templates: 'inject.istio.io/templates',
  networks: 'k8s.v1.cni.cncf.io/networks',
} as const;

const CHECKS: Readonly<Record<string, check.ValueCheck>> = {
  [ANNOTATION.discoveryAddress]: check.hostAndPort,
  [ANNOTATION.proxyImage]: check.image,
  [ANNOTATION.proxyImageType]: check.oneOf('image type', ['default', 'debug', 'distroless']),
  [ANNOTATION.proxyCPU]: check.quantity,
  [ANNOTATION.proxyMemory]: check.quantity,
  [ANNOTATION.proxyCPULimit]: check.quantity,
  [ANNOTATION.proxyMemoryLimit]: check.quantity,
  [ANNOTATION.interceptionMode]: check.oneOf('interceptionMode', ['REDIRECT', 'TPROXY', 'NONE']),
  [ANNOTATION.bootstrapOverride]: check.objectName,
  [ANNOTATION.userVolume]: check.volumes(false),
  [ANNOTATION.userVolumeMount]: check.volumes(true),
  [ANNOTATION.enableCoreDump]: check.truth,
  [ANNOTATION.logLevel]: check.envoyLevel,
  [ANNOTATION.componentLogLevel]: check.componentLevels,
  [ANNOTATION.agentLogLevel]: check.agentLevels,
  [ANNOTATION.capNetBindService]: check.truth,
  [ANNOTATION.nativeSidecar]: check.truth,
  [ANNOTATION.datadogEnv]: check.jsonTexts,
  [ANNOTATION.statusPort]: check.port,
  [ANNOTATION.initialDelaySeconds]: check.wholeNumber,
  [ANNOTATION.periodSeconds]: check.wholeNumber,
  [ANNOTATION.failureThreshold]: check.wholeNumber,
  [ANNOTATION.includeOutboundIPRanges]: check.rangesOrStar('includeIPRanges'),
  [ANNOTATION.excludeOutboundIPRanges]: check.ranges('excludeIPRanges'),
  [ANNOTATION.includeInboundPorts]: check.portsOrStar('includeInboundPorts'),
  [ANNOTATION.excludeInboundPorts]: check.ports('excludeInboundPorts'),
  [ANNOTATION.includeOutboundPorts]: check.ports('includeOutboundPorts'),
  [ANNOTATION.excludeOutboundPorts]: check.ports('excludeOutboundPorts'),
  [ANNOTATION.kubevirtInterfaces]: check.interfaces,
  [ANNOTATION.rerouteInterfaces]: check.interfaces,
  [ANNOTATION.excludeInterfaces]: check.interfaces,
  [ANNOTATION.mergeMetrics]: check.truth,
};

/** Annotations of Istio that others read: known, and of no interest here. */
const OF_OTHERS: readonly string[] = [
  'sidecar.istio.io/inject',
  'sidecar.istio.io/controlPlaneAuthPolicy',
  'sidecar.istio.io/statsInclusionPrefixes',
  'sidecar.istio.io/statsInclusionSuffixes',
  'sidecar.istio.io/statsInclusionRegexps',
  'sidecar.istio.io/statsHistogramBuckets',
  'sidecar.istio.io/statsCompression',
  'sidecar.istio.io/extraStatTags',
  'networking.istio.io/exportTo',
  'networking.istio.io/service-type',
  'networking.istio.io/traffic-distribution',
  'networking.istio.io/tunnel',
  'ambient.istio.io/redirection',
  'istio.io/rev',
  'gateway.istio.io/controller-version',
];

/** Known annotations whose check is not a matter of one text. */
const KNOWN = new Set<string>([...Object.values(ANNOTATION), ...OF_OTHERS]);

/** `{annotation}.{prefix}`: annotations of a plug-in for each container, and others that only look like Istio's. */
const FOREIGN =
  /^(container\.|seccomp\.|kubectl\.kubernetes\.io\/|install\.operator\.istio\.io\/|.*\.alpha\.istio\.io\/)/;

/**
 * Checks every annotation that injection reads.
 * @returns warnings: about annotations that look as if they were meant for Istio, and those without effect
 * @throws InputError with everything that is wrong
 */
export function checkAnnotations(annotations: StringMap): readonly string[] {
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const [name, value] of Object.entries(annotations)) {
    const problem = CHECKS[name]?.(value);
    if (problem !== undefined) problems.push(`invalid value '${value}' for annotation '${name}': ${problem}`);
    if (name.includes('istio') && !KNOWN.has(name) && !FOREIGN.test(name)) {
      warnings.push(`Potentially misspelled annotation '${name}' with value '${value}' encountered`);
    }
  }
  const image = annotations[ANNOTATION.proxyImage];
  if (image !== undefined && !image.includes('/')) {
    warnings.push(
      `annotation '${ANNOTATION.proxyImage}': '${image}' is not used, for it names no registry; write registry/name:tag`,
    );
  }
  const rewrite = annotations[ANNOTATION.rewriteProbes];
  if (rewrite !== undefined && check.parseTruth(rewrite) === undefined) {
    warnings.push(`annotation '${ANNOTATION.rewriteProbes}': '${rewrite}' is not true or false, ignored`);
  }
  if (problems.length > 0) throw new InputError(problems);
  return warnings;
}
