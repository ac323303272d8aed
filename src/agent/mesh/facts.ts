import type { NodeIdentity } from '../../bootstrap/identity.ts';
import type { AgentConfig } from '../../config/agent-config.ts';
import type { DeriveRequest, ProxyFacts } from '../../mesh/derive/request.ts';
import { splitHostPort } from '../../platform/addresses.ts';

const DOMAIN = 'cluster.local';
const MODES = ['REDIRECT', 'TPROXY', 'NONE'] as const;
/** In percent, as in Istio. */
const DEFAULT_SAMPLING = 1;

/** Who this proxy is, for the mesh: its pod, else the two parts of its id. */
export function proxyFacts(
  config: AgentConfig,
  { id, domain, ips }: NodeIdentity,
  labels: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string | undefined>>,
): ProxyFacts {
  const [idName = id, ...rest] = id.split('.');
  const namespace = config.podNamespace ?? (rest[0] || 'default');
  const suffix = `${namespace}.svc.`;
  return {
    name: config.podName ?? idName,
    namespace,
    labels: Object.fromEntries(labels),
    ip: config.ip ?? config.instanceIp,
    interfaceIps: ips,
    domain: domain.startsWith(suffix) ? domain.slice(suffix.length) : DOMAIN,
    interception: interceptionOf(config.interceptionMode ?? env['ISTIO_META_INTERCEPTION_MODE']),
  };
}

function interceptionOf(mode: string | undefined): ProxyFacts['interception'] {
  return MODES.find((each) => each === mode?.toUpperCase()) ?? 'REDIRECT';
}

/** The tracer of the command line beats that of the mesh config. */
export function tracingOf({ tracing, proxyConfig }: AgentConfig): DeriveRequest['tracing'] {
  const address = tracing?.kind === 'zipkin' ? splitHostPort(tracing.address) : undefined;
  if (address === undefined) return undefined;
  const fields: unknown = proxyConfig['tracing'];
  const sampling =
    typeof fields === 'object' && fields !== null && 'sampling' in fields ? fields.sampling : undefined;
  return {
    kind: 'zipkin',
    ...address,
    sampling: typeof sampling === 'number' ? sampling : DEFAULT_SAMPLING,
  };
}
