/** The sidecar of Istio 1.30: what differs from pod to pod is in its environment (injection-iptables-sidecar.md B.5). */
import { type Container, type EnvVar, PROXY } from '../kubernetes.ts';
import { initContainers } from './init.ts';
import {
  annotation,
  applicationContainers,
  bootstrapOverride,
  datadogEnv,
  fromField,
  hasStatusPort,
  IDENTITY,
  imageOf,
  modeOf,
  type Overlay,
  podPorts,
  proxyMetadata,
  proxySecurity,
  readinessNumbers,
  resourcesOf,
  type TemplateInput,
  text,
  workload,
} from './input.ts';
import { volumes130 } from './volumes.ts';

/** Where Envoy answers kubelet, by way of its own listener. */
const READY = { httpGet: { path: '/healthz/ready', port: 15021 }, timeoutSeconds: 3 };

export function template130(input: TemplateInput): Overlay {
  const { volumes, mounts } = volumes130(input);
  return {
    initContainers: initContainers(input),
    proxy: { ...proxy(input), volumeMounts: mounts },
    volumes,
  };
}

function proxy(input: TemplateInput): Container {
  const { values } = input;
  const pull = values.imagePullPolicy;
  const startup = values.proxy.startupFailureThreshold;
  return {
    name: PROXY,
    image: imageOf(input, values.proxy.image, true),
    ...(pull === '' ? {} : { imagePullPolicy: pull }),
    ports: [{ containerPort: 15090, protocol: 'TCP', name: 'http-envoy-prom' }],
    args: args(input),
    ...lifecycle(input),
    env: env(input),
    ...(hasStatusPort(input)
      ? {
          ...(startup === undefined
            ? {}
            : { startupProbe: { ...READY, periodSeconds: 1, failureThreshold: startup } }),
          readinessProbe: { ...READY, ...readinessNumbers(input) },
        }
      : {}),
    securityContext: proxySecurity(input),
    resources: resourcesOf(input, values.proxy.resources),
  };
}

function args(input: TemplateInput): readonly string[] {
  const { values } = input;
  const { proxy } = values;
  return [
    ...['proxy', 'sidecar'],
    ...['--domain', `$(POD_NAMESPACE).svc.${proxy.clusterDomain}`],
    `--proxyLogLevel=${annotation(input, 'logLevel', proxy.logLevel)}`,
    `--proxyComponentLogLevel=${annotation(input, 'componentLogLevel', proxy.componentLogLevel)}`,
    `--log_output_level=${annotation(input, 'agentLogLevel', values.agentLogLevel)}`,
    ...(values.stsPort > 0 ? [`--stsPort=${values.stsPort}`] : []),
    ...(values.logAsJson ? ['--log_as_json'] : []),
    ...(proxy.outlierLogPath === '' ? [] : [`--outlierLogPath=${proxy.outlierLogPath}`]),
  ];
}

function lifecycle(input: TemplateInput): Pick<Container, 'lifecycle'> {
  const { values, native } = input;
  if (values.proxy.lifecycle !== undefined) return { lifecycle: values.proxy.lifecycle };
  if (native) {
    const command = ['pilot-agent', 'request', '--debug-port=15020', 'POST', 'drain'];
    return { lifecycle: { preStop: { exec: { command } } } };
  }
  return holds(input) ? { lifecycle: { postStart: { exec: { command: ['pilot-agent', 'wait'] } } } } : {};
}

/** Whether the application is to start after the proxy serves. A native sidecar holds it back by itself. */
export function holds({ values, proxy, native }: TemplateInput): boolean {
  return !native && (proxy.holdApplicationUntilProxyStarts ?? values.proxy.holdApplicationUntilProxyStarts);
}

function env(input: TemplateInput): readonly EnvVar[] {
  const { values, mesh, proxy, pod } = input;
  const revision = values.revision === '' ? '' : `-${values.revision}`;
  const trustDomain = mesh.trustDomain || values.trustDomain;
  const meshId = values.meshID || trustDomain;
  return [
    text('PILOT_CERT_PROVIDER', values.pilotCertProvider),
    text('CA_ADDR', values.caAddress || `istiod${revision}.${values.istioNamespace}.svc:15012`),
    ...IDENTITY,
    fromLimit('ISTIO_CPU_LIMIT', 'limits.cpu'),
    text('PROXY_CONFIG', `${JSON.stringify(proxy.fields)}\n`),
    podPorts(input),
    text(
      'ISTIO_META_APP_CONTAINERS',
      applicationContainers(pod)
        .map(({ name }) => name)
        .join(','),
    ),
    fromLimit('GOMEMLIMIT', 'limits.memory'),
    fromLimit('GOMAXPROCS', 'limits.cpu'),
    ...(values.compliancePolicy === '' ? [] : [text('COMPLIANCE_POLICY', values.compliancePolicy)]),
    text('ISTIO_META_CLUSTER_ID', values.clusterName),
    fromField('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    text('ISTIO_META_INTERCEPTION_MODE', modeOf(input)),
    ...(values.network === '' ? [] : [text('ISTIO_META_NETWORK', values.network)]),
    ...workload(input),
    ...bootstrapOverride(input),
    ...(meshId === '' ? [] : [text('ISTIO_META_MESH_ID', meshId)]),
    ...(trustDomain === '' ? [] : [text('TRUST_DOMAIN', trustDomain)]),
    ...datadogEnv(input),
    ...proxyMetadata(input),
  ];
}

function fromLimit(name: string, resource: string): EnvVar {
  return { name, valueFrom: { resourceFieldRef: { resource, divisor: '1' } } };
}
