/** Zipkin: Envoy takes trace ids from the B3 headers of a request, passes them on, and reports its spans. */
import type { MeshSettings } from '../model/settings.ts';
import type { ProxyView } from '../view/view.ts';
import { type JsonObject, typeUrl } from './api.ts';
import { aliasesOf } from './host-forms.ts';
import { outboundCluster } from './names.ts';

/** Where the spans go: a service of the mesh, or a cluster of their own. */
export interface Collector {
  readonly cluster: string;
  /** Whether that cluster has to be made. */
  readonly own: boolean;
  readonly host: string;
  readonly port: number;
  readonly sampling: number;
}

/** Undefined when nothing is traced. */
export function collectorOf(
  { services, workload }: ProxyView,
  settings: MeshSettings,
): Collector | undefined {
  const { tracing, domain } = settings;
  if (tracing.kind === 'off') return undefined;
  const { host, port, sampling } = tracing;
  const found = services.find(
    ({ service, ports }) =>
      ports.some(({ number }) => number === port) &&
      (service.hostname === host || aliasesOf(service, workload.namespace, domain).includes(host)),
  );
  const cluster =
    found === undefined ? `zipkin|${port}||${host}` : outboundCluster(found.service.hostname, port);
  return { cluster, own: found === undefined, host, port, sampling };
}

/** The `tracing` of an HTTP connection manager. */
export function httpTracing({ cluster, host, sampling }: Collector): JsonObject {
  return {
    client_sampling: { value: 100 },
    random_sampling: { value: sampling },
    overall_sampling: { value: 100 },
    provider: {
      name: 'envoy.tracers.zipkin',
      typed_config: {
        '@type': typeUrl('envoy.config.trace.v3.ZipkinConfig'),
        collector_cluster: cluster,
        collector_hostname: host,
        collector_endpoint: '/api/v2/spans',
        collector_endpoint_version: 'HTTP_JSON',
        trace_id_128bit: true,
        shared_span_context: false,
      },
    },
  };
}
