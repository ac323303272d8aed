/** The sidecar of Istio 1.5: everything in its arguments (injection-iptables-sidecar.md B.5). */
import { formatGoDuration } from '../../platform/duration.ts';
import { type Fields, isObject } from '../json.ts';
import { type Container, type EnvVar, PROXY, type Resources } from '../kubernetes.ts';
import { parseQuantity } from '../quantity.ts';
import { initContainers } from './init.ts';
import {
  annotation,
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
  statusPortOf,
  type TemplateInput,
  text,
  workload,
} from './input.ts';
import { volumes15 } from './volumes.ts';

export function template15(input: TemplateInput): Overlay {
  const { volumes, mounts } = volumes15(input);
  return {
    initContainers: initContainers(input),
    proxy: { ...proxy(input), volumeMounts: mounts },
    volumes,
  };
}

function proxy(input: TemplateInput): Container {
  const { values } = input;
  const resources = resourcesOf(input, values.proxy.resources);
  return {
    name: PROXY,
    image: imageOf(input, values.proxy.image, true),
    imagePullPolicy: values.imagePullPolicy,
    ports: [{ containerPort: 15090, protocol: 'TCP', name: 'http-envoy-prom' }],
    args: [...args(input), ...concurrency(input, resources)],
    env: env(input),
    ...(hasStatusPort(input)
      ? {
          readinessProbe: {
            httpGet: { path: '/healthz/ready', port: Number(statusPortOf(input)) },
            ...readinessNumbers(input),
          },
        }
      : {}),
    ...lifecycle(input),
    securityContext: proxySecurity(input),
    resources,
  };
}

function args(input: TemplateInput): readonly string[] {
  const { values, proxy, pod, owner } = input;
  const app = pod.metadata.labels?.['app'];
  const cluster = app ? `${app}.$(POD_NAMESPACE)` : `${owner.name || PROXY}.${owner.namespace || 'default'}`;
  const mutual = !values.istiodEnabled && values.controlPlaneSecurityEnabled;
  return [
    ...['proxy', 'sidecar'],
    ...['--domain', `$(POD_NAMESPACE).svc.${values.proxy.clusterDomain}`],
    ...['--configPath', '/etc/istio/proxy'],
    ...['--binaryPath', '/usr/local/bin/envoy'],
    ...['--serviceCluster', cluster],
    ...['--drainDuration', formatGoDuration(proxy.drainDuration)],
    ...['--parentShutdownDuration', formatGoDuration(proxy.parentShutdownDuration)],
    ...['--discoveryAddress', annotation(input, 'discoveryAddress', proxy.discoveryAddress)],
    ...tracer(input),
    `--proxyLogLevel=${annotation(input, 'logLevel', values.proxy.logLevel)}`,
    `--proxyComponentLogLevel=${annotation(input, 'componentLogLevel', values.proxy.componentLogLevel)}`,
    ...['--connectTimeout', formatGoDuration(proxy.connectTimeout)],
    ...(values.proxy.statsdEnabled ? ['--statsdUdpAddress', proxy.statsdUdpAddress] : []),
    ...service('--envoyMetricsService', values.proxy.metricsServiceEnabled, proxy.envoyMetricsService),
    ...service('--envoyAccessLogService', values.proxy.accessLogServiceEnabled, proxy.envoyAccessLogService),
    ...['--proxyAdminPort', String(proxy.proxyAdminPort)],
    ...(proxy.concurrency > 0 ? ['--concurrency', String(proxy.concurrency)] : []),
    ...['--controlPlaneAuthPolicy', mutual ? 'MUTUAL_TLS' : 'NONE'],
    ...['--dnsRefreshRate', values.proxy.dnsRefreshRate],
    ...(statusPortOf(input) === '0' ? [] : ['--statusPort', statusPortOf(input)]),
    ...(values.stsPort > 0 ? [`--stsPort=${values.stsPort}`] : []),
    ...(values.trustDomain === '' ? [] : [`--trust-domain=${values.trustDomain}`]),
    ...(values.logAsJson ? ['--log_as_json'] : []),
    '--controlPlaneBootstrap=false',
  ];
}

function tracer({ values, proxy }: TemplateInput): readonly string[] {
  const part = (name: string): Fields => {
    const fields = proxy.tracing[name];
    return isObject(fields) ? fields : {};
  };
  const of = (fields: Fields, name: string) => String(fields[name] ?? '');
  switch (values.proxy.tracer) {
    case 'lightstep': {
      const fields = part('lightstep');
      return [
        ...['--lightstepAddress', of(fields, 'address')],
        ...['--lightstepAccessToken', of(fields, 'accessToken')],
        `--lightstepSecure=${fields['secure'] === true}`,
        ...['--lightstepCacertPath', of(fields, 'cacertPath')],
      ];
    }
    case 'zipkin':
      return ['--zipkinAddress', of(part('zipkin'), 'address')];
    case 'datadog':
      return ['--datadogAgentAddress', of(part('datadog'), 'address')];
    default:
      return [];
  }
}

function service(flag: string, enabled: boolean, fields: Fields): readonly string[] {
  return enabled ? [flag, JSON.stringify(fields)] : [];
}

/** Without a number of threads in the mesh configuration: as many as the CPUs that the container may use. */
function concurrency({ proxy }: TemplateInput, { limits, requests }: Resources): readonly string[] {
  if (proxy.concurrency > 0) return [];
  const cpu = limits?.['cpu'] ?? requests?.['cpu'];
  const cpus = cpu === undefined ? undefined : parseQuantity(String(cpu));
  return cpus === undefined || cpus <= 0 ? [] : ['--concurrency', String(Math.ceil(cpus))];
}

/** The application starts after the proxy serves. Not in 1.5, but asked for by the same value as later. */
function lifecycle(input: TemplateInput): { readonly lifecycle?: Fields } {
  const { values, proxy, native } = input;
  if (values.proxy.lifecycle !== undefined) return { lifecycle: values.proxy.lifecycle };
  const hold = proxy.holdApplicationUntilProxyStarts ?? values.proxy.holdApplicationUntilProxyStarts;
  if (!hold || native || !hasStatusPort(input)) return {};
  const url = `http://localhost:${statusPortOf(input)}/healthz/ready`;
  return { lifecycle: { postStart: { exec: { command: ['pilot-agent', 'wait', '--url', url] } } } };
}

function env(input: TemplateInput): readonly EnvVar[] {
  const { values, pod, proxy } = input;
  const annotations = pod.metadata.annotations ?? {};
  const namespace = values.configNamespace || 'istio-system';
  const mesh = values.meshID || values.trustDomain;
  return [
    text('JWT_POLICY', values.jwtPolicy),
    text('PILOT_CERT_PROVIDER', values.pilotCertProvider),
    text('CA_ADDR', values.caAddress || `istio-pilot.${namespace}.svc:15012`),
    ...IDENTITY,
    ...datadogEnv(input),
    podPorts(input),
    text('ISTIO_META_CLUSTER_ID', values.clusterName),
    fromField('ISTIO_META_POD_NAME', 'metadata.name'),
    fromField('ISTIO_META_CONFIG_NAMESPACE', 'metadata.namespace'),
    text('ISTIO_META_INTERCEPTION_MODE', modeOf(input)),
    ...(values.network === '' ? [] : [text('ISTIO_META_NETWORK', values.network)]),
    ...(Object.keys(annotations).length === 0
      ? []
      : [text('ISTIO_METAJSON_ANNOTATIONS', `${sortedJson(annotations)}\n`)]),
    ...workload(input),
    ...bootstrapOverride(input),
    ...(mesh === '' ? [] : [text('ISTIO_META_MESH_ID', mesh)]),
    ...stackdriver(input, proxy.tracing['stackdriver']),
    ...proxyMetadata(input),
  ];
}

function sortedJson(map: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function stackdriver({ values }: TemplateInput, settings: unknown): readonly EnvVar[] {
  if (values.proxy.tracer !== 'stackdriver') return [];
  const fields = isObject(settings) ? settings : {};
  const of = (name: string) => String(fields[name] ?? 0);
  return [
    text('STACKDRIVER_TRACING_ENABLED', 'true'),
    text('STACKDRIVER_TRACING_DEBUG', String(fields['debug'] === true)),
    text('STACKDRIVER_TRACING_MAX_NUMBER_OF_ANNOTATIONS', of('maxNumberOfAnnotations')),
    text('STACKDRIVER_TRACING_MAX_NUMBER_OF_ATTRIBUTES', of('maxNumberOfAttributes')),
    text('STACKDRIVER_TRACING_MAX_NUMBER_OF_MESSAGE_EVENTS', of('maxNumberOfMessageEvents')),
  ];
}
