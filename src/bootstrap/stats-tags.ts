type StatsTag = { readonly tag_name: string; readonly regex: string };

/** A dimension that telemetry filters write into a name: `reporter=.=source;.;`. */
const dimension = (name: string): StatsTag => ({
  tag_name: name,
  regex: `(${escaped(name)}=\\.=(.*?);\\.;)`,
});

const ADDRESS = '(?:[_.[:digit:]]*|[_\\[\\]aAbBcCdDeEfF[:digit:]]*)';

/**
 * How Envoy finds labels in the names of its statistics: the first group is cut out of the name, the second is the value.
 * Names end at a semicolon where the control plane (since 1.26) or `alt_stat_name` puts one, and otherwise where 1.5 saw the
 * end; a name that is not an address only counts with a semicolon, as in 1.30. A tag has one expression: of two with the
 * same name Envoy takes the first and warns of the other.
 */
const BY_PATTERN: readonly StatsTag[] = [
  {
    tag_name: 'cluster_name',
    regex: '^cluster\\.(((?:[^;]+(?=;\\.))|(?:[^;]+?(?:\\..+?\\.svc\\.cluster\\.local)?)(?=\\.));?\\.)',
  },
  {
    tag_name: 'http_conn_manager_prefix',
    regex: `^http\\.(((?:[\\w.\\[\\]:|-]*(?=;\\.))|${ADDRESS}(?=\\.));?\\.)`,
  },
  { tag_name: 'thread_name', regex: '^server(\\.(.+))\\.watchdog' },
  { tag_name: 'tcp_prefix', regex: '^tcp\\.((.*?)\\.)\\w+?$' },
  {
    tag_name: 'response_code',
    regex: '(?:_rq(?=_\\d{3}$)|(?=response_code=\\.=))((?:_|response_code=\\.=)(.+?)(?:$|;\\.;))',
  },
  { tag_name: 'response_code_class', regex: '_rq(_(\\dxx))$' },
  { tag_name: 'http_conn_manager_listener_prefix', regex: `^listener(?=\\.).*?\\.http\\.((${ADDRESS})\\.)` },
  { tag_name: 'listener_address', regex: `^listener\\.((${ADDRESS})\\.)` },
  { tag_name: 'mongo_prefix', regex: '^mongo\\.(.+?)\\.(collection|cmd|cx_|op_|delays_|decoding_)(.*?)$' },
];

const DIMENSIONS = [
  'reporter',
  'source_namespace',
  'source_workload',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'destination_namespace',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_service',
  'destination_service_name',
  'destination_service_namespace',
  'request_protocol',
  'response_flags',
  'grpc_response_status',
  'connection_security_policy',
  'permissive_response_code',
  'permissive_response_policyid',
  'source_canonical_service',
  'destination_canonical_service',
  'source_canonical_revision',
  'destination_canonical_revision',
];

const BY_FILTER: readonly StatsTag[] = [
  { tag_name: 'cache', regex: '(cache\\.(.+?)\\.)' },
  { tag_name: 'component', regex: '(component\\.(.+?)\\.)' },
  { tag_name: 'tag', regex: '(tag\\.(.+?);\\.)' },
  { tag_name: 'wasm_filter', regex: '(wasm_filter\\.(.+?)\\.)' },
  { tag_name: 'authz_enforce_result', regex: 'rbac(\\.(allowed|denied))' },
  { tag_name: 'authz_dry_run_action', regex: '(\\.istio_dry_run_(allow|deny)_)' },
  { tag_name: 'authz_dry_run_result', regex: '(\\.shadow_(allowed|denied))' },
];

/**
 * The tags of 1.5 (reference/pilot-agent-1.5.md §4.4) and of 1.30 (§6.3 point 6), and those of `extraStatTags`.
 * @param mesh whether the resources come from `--meshDir`: then no filter writes dimensions into names
 */
export function statsTags(extra: readonly string[], mesh = false): readonly StatsTag[] {
  const ours = mesh ? BY_PATTERN : [...BY_PATTERN, ...DIMENSIONS.map(dimension), ...BY_FILTER];
  const taken = new Set(ours.map(({ tag_name }) => tag_name));
  const more = [...new Set(extra)].filter((name) => name !== '' && !taken.has(name));
  return [...ours, ...more.map(dimension)];
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
