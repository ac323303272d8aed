/** HTTP routes (injection-iptables-sidecar.md D.9). */
import type { JsonObject, RouteConfiguration, VirtualHost } from './api.ts';
import { hostForms } from './host-forms.ts';
import { outboundCluster } from './names.ts';
import type { RoutePlan, Target } from './outbound-plan.ts';

export interface RouteSettings {
  /** Namespace of the client. */
  readonly namespace: string;
  readonly domain: string;
  /** Where requests go that are for no service; undefined: they are answered with 502. */
  readonly unknownTo: string | undefined;
}

const HTTP_PORT = 80;
/** Again with another endpoint, when this one cannot have seen the request. */
const RETRY: JsonObject = {
  retry_on: 'connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes',
  retriable_status_codes: [503],
  num_retries: 2,
  retry_host_predicate: [
    {
      name: 'envoy.retry_host_predicates.previous_hosts',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate',
      },
    },
  ],
  host_selection_retry_max_attempts: '5',
};

/** A plan in Envoy's words. No name is in two virtual hosts: Envoy would refuse them all. */
export function routeConfiguration(
  { name, kind, targets }: RoutePlan,
  settings: RouteSettings,
): RouteConfiguration {
  const hosts = kind === 'single' ? singleHost(targets) : namedHosts(targets, kind, settings);
  return {
    name,
    virtual_hosts: kind === 'single' ? hosts : [...hosts, unknownHost(settings.unknownTo)],
    ignore_port_in_host_matching: kind === 'port' ? true : undefined,
    // A cluster that is about to come counts as unknown, and the whole listener would be refused.
    validate_clusters: false,
  };
}

function singleHost(targets: readonly Target[]): readonly VirtualHost[] {
  return targets.map((target) => virtualHost(target, ['*']));
}

function namedHosts(
  targets: readonly Target[],
  kind: 'port' | 'proxy',
  { namespace, domain }: RouteSettings,
): readonly VirtualHost[] {
  const taken = new Set<string>();
  const formsOf = (target: Target, forms: readonly string[]) =>
    kind === 'port'
      ? forms
      : forms.flatMap((form) => {
          const { number } = target.port;
          return number === HTTP_PORT ? [form, `${form}:${number}`] : [`${form}:${number}`];
        });
  // Whoever has a name for its hostname gets it, before anybody has it as a short form.
  for (const target of targets)
    for (const form of formsOf(target, [target.service.hostname])) taken.add(form);
  return targets.flatMap((target) => {
    const [hostname = '', ...others] = hostForms(target.service, namespace, domain);
    const more = formsOf(target, others).filter((form) => !taken.has(form));
    for (const form of more) taken.add(form);
    return virtualHost(target, [...formsOf(target, [hostname]), ...new Set(more)]);
  });
}

function virtualHost({ service, port }: Target, domains: readonly string[]): VirtualHost {
  const name = `${service.hostname}:${port.number}`;
  return {
    name,
    domains,
    routes: [routeTo(outboundCluster(service.hostname, port.number), name, RETRY)],
  };
}

/** Every request to one cluster. */
export function routeTo(cluster: string, operation: string, retry?: JsonObject): JsonObject {
  return {
    name: 'default',
    match: { prefix: '/' },
    decorator: { operation: `${operation}/*` },
    route: {
      cluster,
      timeout: '0s',
      max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
      retry_policy: retry,
    },
  };
}

function unknownHost(cluster: string | undefined): VirtualHost {
  if (cluster === undefined) {
    return {
      name: 'block_all',
      domains: ['*'],
      routes: [{ name: 'block_all', match: { prefix: '/' }, direct_response: { status: 502 } }],
    };
  }
  return {
    name: 'allow_any',
    domains: ['*'],
    routes: [{ name: 'allow_any', match: { prefix: '/' }, route: { cluster, timeout: '0s' } }],
  };
}
