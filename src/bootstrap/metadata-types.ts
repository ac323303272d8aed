import type { Json } from './envoy-api.ts';
import { isJsonObject } from './strict-json.ts';

/**
 * The control plane decodes these names into fields with a type, and one value of a wrong type makes it refuse the whole
 * node. So a value that does not fit is left out, with a warning.
 */
const TYPES: Readonly<Record<string, 'text' | 'boolean' | 'texts' | 'ports'>> = {
  ...names(
    'text',
    'ISTIO_VERSION ISTIO_REVISION ISTIO_PROXY_SHA INSTANCE_IPS CONFIG_NAMESPACE NAMESPACE NAME INTERCEPTION_MODE',
    'SERVICE_ACCOUNT ROUTER_MODE MESH_ID CLUSTER_ID NETWORK REQUESTED_NETWORK_VIEW EXCHANGE_KEYS WORKLOAD_NAME OWNER',
    'CANONICAL_TELEMETRY_SERVICE TLS_SERVER_CERT_CHAIN TLS_SERVER_KEY TLS_SERVER_ROOT_CERT TLS_CLIENT_CERT_CHAIN',
    'TLS_CLIENT_KEY TLS_CLIENT_ROOT_CERT SDS_TOKEN_PATH STS_PORT IDLE_TIMEOUT NODE_NAME HTTP_PROXY_PORT GENERATOR',
    'AUTO_REGISTER_GROUP WORKLOAD_ENTRY CLOUDRUN_ADDR WORKLOAD_IDENTITY_SOCKET_FILE OUTLIER_LOG_PATH APP_CONTAINERS',
  ),
  ...names(
    'boolean',
    'USER_SDS BASE SDS TRUSTJWT HTTP10 DNS_CAPTURE DNS_AUTO_ALLOCATE ENABLE_HBONE DISABLE_HBONE_SEND METADATA_DISCOVERY',
    'INBOUND_LISTENER_EXACT_BALANCE OUTBOUND_LISTENER_EXACT_BALANCE EXIT_ON_ZERO_ACTIVE_CONNECTIONS',
    'ENVOY_SKIP_DEPRECATED_LOGS',
  ),
  ...names('texts', 'LABELS STATIC_LABELS ANNOTATIONS PLATFORM_METADATA'),
  ...names('ports', 'POD_PORTS'),
};

function names<T>(type: T, ...lists: readonly string[]): Record<string, T> {
  return Object.fromEntries(lists.flatMap((list) => list.split(' ')).map((name) => [name, type]));
}

/** The value in the form that the control plane expects; undefined when it cannot be brought to it. */
export function typedMetadata(name: string, value: Json): Json | undefined {
  switch (Object.hasOwn(TYPES, name) ? TYPES[name] : undefined) {
    case 'text':
      return typeof value === 'string' ? value : undefined;
    case 'boolean':
      return booleanText(value);
    case 'texts':
      return isJsonObject(value) && Object.values(value).every((member) => typeof member === 'string')
        ? value
        : undefined;
    case 'ports':
      return podPorts(value);
    case undefined:
      return value;
  }
}

/** What Go's ParseBool reads, as `"true"` or `"false"`. */
function booleanText(value: Json): string | undefined {
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return undefined;
  if (/^(1|t|T|TRUE|true|True)$/.test(value)) return 'true';
  return /^(0|f|F|FALSE|false|False)$/.test(value) ? 'false' : undefined;
}

/** A JSON list inside a text; members that the control plane does not know are dropped, `protocol` is always there. */
function podPorts(value: Json): string | undefined {
  if (typeof value !== 'string') return undefined;
  let list: unknown;
  try {
    list = JSON.parse(value);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list)) return undefined;
  const ports = list.map((port: unknown) => {
    if (!isJsonObject(port)) return undefined;
    const { name, containerPort, protocol = '' } = port;
    if (!Number.isInteger(containerPort) || typeof protocol !== 'string') return undefined;
    return { ...(typeof name === 'string' && name !== '' ? { name } : {}), containerPort, protocol };
  });
  return ports.includes(undefined) ? undefined : JSON.stringify(ports);
}
