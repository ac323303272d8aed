import type { AccessLog } from '../model/settings.ts';
import { type Extension, type Json, typeUrl } from './api.ts';

/** What a line of a JSON log has when no format is given: the names that Istio's log has. */
const JSON_FIELDS: Readonly<Record<string, string>> = {
  start_time: '%START_TIME%',
  method: '%REQ(:METHOD)%',
  path: '%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%',
  protocol: '%PROTOCOL%',
  response_code: '%RESPONSE_CODE%',
  response_flags: '%RESPONSE_FLAGS%',
  response_code_details: '%RESPONSE_CODE_DETAILS%',
  connection_termination_details: '%CONNECTION_TERMINATION_DETAILS%',
  upstream_transport_failure_reason: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  bytes_received: '%BYTES_RECEIVED%',
  bytes_sent: '%BYTES_SENT%',
  duration: '%DURATION%',
  upstream_service_time: '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%',
  x_forwarded_for: '%REQ(X-FORWARDED-FOR)%',
  user_agent: '%REQ(USER-AGENT)%',
  request_id: '%REQ(X-REQUEST-ID)%',
  authority: '%REQ(:AUTHORITY)%',
  upstream_host: '%UPSTREAM_HOST%',
  upstream_cluster: '%UPSTREAM_CLUSTER%',
  upstream_local_address: '%UPSTREAM_LOCAL_ADDRESS%',
  downstream_local_address: '%DOWNSTREAM_LOCAL_ADDRESS%',
  downstream_remote_address: '%DOWNSTREAM_REMOTE_ADDRESS%',
  requested_server_name: '%REQUESTED_SERVER_NAME%',
  route_name: '%ROUTE_NAME%',
};

/** The `access_log` of a filter; undefined when there is to be none. */
export function accessLog(settings: AccessLog): readonly Extension[] | undefined {
  if (settings.kind === 'off') return undefined;
  const { path, encoding, format } = settings;
  const logFormat = (): { [member: string]: Json } | undefined => {
    if (encoding === 'JSON') {
      return { json_format: format === '' ? JSON_FIELDS : (JSON.parse(format) as { [name: string]: Json }) };
    }
    if (format === '') return undefined;
    return { text_format_source: { inline_string: format.endsWith('\n') ? format : `${format}\n` } };
  };
  const stream = STREAMS.get(path);
  if (stream !== undefined) {
    const [name, message] = stream;
    const type = typeUrl(`envoy.extensions.access_loggers.stream.v3.${message}`);
    return [{ name, typed_config: { '@type': type, log_format: logFormat() } }];
  }
  return [
    {
      name: 'envoy.access_loggers.file',
      typed_config: {
        '@type': typeUrl('envoy.extensions.access_loggers.file.v3.FileAccessLog'),
        path,
        log_format: logFormat(),
      },
    },
  ];
}

/** What Envoy has open already. By its path a socket could not be opened, nor a pipe of another user. */
const STREAMS: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['/dev/stdout', ['envoy.access_loggers.stdout', 'StdoutAccessLog']],
  ['/dev/stderr', ['envoy.access_loggers.stderr', 'StderrAccessLog']],
] as const);
