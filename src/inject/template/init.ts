import { listOf } from '../json.ts';
import { type Container, PROXY, PROXY_UID } from '../kubernetes.ts';
import {
  annotation,
  excludedInboundPorts,
  imageOf,
  isTrue,
  modeOf,
  proxyMetadata,
  resourcesOf,
  type TemplateInput,
  written,
} from './input.ts';

/**
 * The init containers: the one that sets iptables up (with the CNI plug-in: the one that checks them), and the one for core dumps.
 */
export function initContainers(input: TemplateInput): readonly Container[] {
  return [...(modeOf(input) === 'NONE' ? [] : [iptables(input)]), ...coreDump(input)];
}

function iptables(input: TemplateInput): Container {
  const { values, compat } = input;
  const cni = values.cni.enabled;
  const pull = values.imagePullPolicy;
  const command = ['istio-iptables', ...iptablesArgs(input)];
  const env = compat === '1.30' ? proxyMetadata(input) : [];
  return {
    name: cni ? 'istio-validation' : 'istio-init',
    image: imageOf(input, values.init.image, compat === '1.30'),
    ...(compat === '1.5' ? { command } : { args: command }),
    ...(pull === '' ? {} : { imagePullPolicy: pull }),
    ...(env.length === 0 ? {} : { env }),
    resources: compat === '1.5' ? values.init.resources : resourcesOf(input, values.proxy.resources),
    securityContext: {
      allowPrivilegeEscalation: values.proxy.privileged,
      capabilities: { ...(cni ? {} : { add: ['NET_ADMIN', 'NET_RAW'] }), drop: ['ALL'] },
      privileged: values.proxy.privileged,
      readOnlyRootFilesystem: cni && compat === '1.30',
      runAsGroup: cni ? 1337 : 0,
      runAsNonRoot: cni,
      runAsUser: cni ? 1337 : 0,
    },
  };
}

/** The options of istio-iptables, in the order of the original. */
export function iptablesArgs(input: TemplateInput): readonly string[] {
  const { values, mesh, compat } = input;
  const modern = compat === '1.30';
  const optional = (
    flag: string,
    name: 'includeOutboundPorts' | 'excludeOutboundPorts' | 'kubevirtInterfaces' | 'excludeInterfaces',
    otherwise = '',
  ) => {
    const value = written(input, name) ?? (otherwise === '' ? undefined : otherwise);
    return value === undefined ? [] : [flag, value];
  };
  const reroute = written(input, 'rerouteInterfaces');
  const kubevirt = modern && reroute !== undefined ? ['-k', reroute] : optional('-k', 'kubevirtInterfaces');
  const excluded = excludedInboundPorts(input);
  const always = modern ? '15090,15021' : '15090';
  const inbound = modern ? values.proxy.includeInboundPorts : '*';
  return [
    ...['-p', modern ? String(mesh.proxyListenPort) : '15001'],
    ...['-z', modern ? String(mesh.proxyInboundListenPort) : '15006'],
    ...['-u', String(modern ? proxyUser(input) : PROXY_UID)],
    ...['-m', modeOf(input)],
    ...['-i', annotation(input, 'includeOutboundIPRanges', values.proxy.includeIPRanges)],
    ...['-x', annotation(input, 'excludeOutboundIPRanges', values.proxy.excludeIPRanges)],
    ...['-b', annotation(input, 'includeInboundPorts', inbound)],
    ...['-d', excluded === '' ? always : `${always},${excluded}`],
    ...(modern ? optional('-q', 'includeOutboundPorts', values.proxy.includeOutboundPorts) : []),
    ...optional('-o', 'excludeOutboundPorts', values.proxy.excludeOutboundPorts),
    ...kubevirt,
    ...(modern ? optional('-c', 'excludeInterfaces') : []),
    ...(modern ? [`--log_output_level=${annotation(input, 'agentLogLevel', values.agentLogLevel)}`] : []),
    ...(modern && values.logAsJson ? ['--log_as_json'] : []),
    ...(values.cni.enabled ? ['--run-validation', '--skip-rule-apply'] : []),
    ...(modern && !values.cni.enabled && values.init.forceApplyIptables ? ['--force-apply'] : []),
    ...(modern && values.nativeNftables ? ['--native-nftables'] : []),
  ];
}

/** Whose traffic is not captured: a user of the pod's own `istio-proxy` container, but never root. */
function proxyUser(input: TemplateInput): number {
  const { initContainers, containers } = input.pod.spec;
  const own = [...listOf(initContainers), ...listOf(containers)].find(({ name }) => name === PROXY);
  const user = own?.securityContext?.['runAsUser'];
  return typeof user === 'number' && user > 0 && modeOf(input) !== 'TPROXY' ? user : PROXY_UID;
}

function coreDump(input: TemplateInput): readonly Container[] {
  const { values, compat } = input;
  const modern = compat === '1.30';
  const wanted = modern
    ? isTrue(input, 'enableCoreDump', values.proxy.enableCoreDump)
    : values.proxy.enableCoreDump;
  if (!wanted) return [];
  const pull = values.imagePullPolicy;
  const folder = modern ? '/var/lib/istio/data' : '/var/lib/istio';
  return [
    {
      name: 'enable-core-dump',
      image: imageOf(input, values.init.image, modern),
      command: ['/bin/sh'],
      args: ['-c', `sysctl -w kernel.core_pattern=${folder}/core.proxy && ulimit -c unlimited`],
      ...(pull === '' ? {} : { imagePullPolicy: pull }),
      resources: modern ? resourcesOf(input, values.proxy.resources) : {},
      securityContext: {
        allowPrivilegeEscalation: true,
        capabilities: { add: ['SYS_ADMIN'], drop: ['ALL'] },
        privileged: true,
        readOnlyRootFilesystem: false,
        runAsGroup: 0,
        runAsNonRoot: false,
        runAsUser: 0,
      },
    },
  ];
}
