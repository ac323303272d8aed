import type { Settings } from './setting.ts';

const group = 'Status and probes';

export const STATUS = {
  statusPort: {
    doc: 'Port of the status server (readiness, application probes, metrics); 0: none.',
    group,
    format: 'port-or-off',
    default: '15020',
    flag: 'statusPort',
    value: 'PORT',
    field: 'statusPort',
    annotation: 'status.sidecar.istio.io/port',
  },
  envoyStatusPort: {
    doc: 'Port of the health listener of Envoy.',
    group,
    format: 'port',
    default: '15021',
    variable: 'ENVOY_STATUS_PORT',
  },
  envoyStatusProxyProtocol: {
    doc: 'Expect the PROXY protocol on the health listener of Envoy.',
    group,
    format: 'boolean',
    default: 'false',
    variable: 'ENVOY_STATUS_PORT_ENABLE_PROXY_PROTOCOL',
  },
  appProbers: {
    doc: 'Probes of the application that the agent answers for (JSON), as the injector writes them.',
    group,
    format: 'text',
    default: '',
    variable: 'ISTIO_KUBE_APP_PROBERS',
    variableStrict: true,
  },
  probeLocalhostDestination: {
    doc: "Send application probes to `localhost` rather than to the pod's address.",
    group,
    format: 'boolean',
    default: 'false',
    variable: 'REWRITE_PROBE_LEGACY_LOCALHOST_DESTINATION',
  },
  probeHttp2: {
    doc: 'Offer HTTP/2 in HTTPS probes of the application.',
    group,
    format: 'boolean',
    default: 'true',
    variable: 'ISTIO_ENABLE_HTTP2_PROBING',
  },
  probeKeepAlive: {
    doc: 'Keep the connections of application probes open.',
    group,
    format: 'boolean',
    default: 'false',
    variable: 'ENABLE_PROBE_KEEPALIVE_CONNECTIONS',
  },
} as const satisfies Settings;
