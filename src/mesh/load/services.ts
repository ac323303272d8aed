/** Services of the model, with their endpoints: one for a Kubernetes Service, one for each host of a ServiceEntry. */
import { asIp } from '../decode/names.ts';
import type { EndpointSet, KubernetesService, ServiceEntry, WorkloadRecord } from '../decode/records.ts';
import type { Service } from '../model/service.ts';
import type { MeshSettings } from '../model/settings.ts';
import { listedEndpoints, type Report, selectedEndpoints } from './endpoints.ts';
import type { WorkloadIndex } from './workload-index.ts';

/** Of the settings, those that a model depends on. */
export type AssemblySettings = Pick<MeshSettings, 'domain' | 'defaultServiceExportTo'>;

export function kubernetesService(
  record: KubernetesService,
  sets: ReadonlyMap<string, readonly EndpointSet[]>,
  workloads: WorkloadIndex,
  { domain, defaultServiceExportTo }: AssemblySettings,
  report: Report,
): Service {
  const { name, namespace, addresses, ports, headless, externalName, selector, created, origin } = record;
  const listed = sets.get(`${namespace}/${name}`);
  const service: Service = {
    hostname: `${name}.${namespace}.svc.${domain}`.toLowerCase(),
    namespace,
    source: 'kubernetes',
    name,
    addresses,
    ports,
    resolution: externalName !== undefined ? 'dns' : headless ? 'none' : 'static',
    headless,
    external: externalName !== undefined,
    exportTo: record.exportTo ?? defaultServiceExportTo,
    endpoints: [],
    created,
    origin,
  };
  if (externalName !== undefined) return { ...service, endpoints: [dnsEndpoint(service, externalName)] };
  if (listed !== undefined) {
    return { ...service, endpoints: listedEndpoints(service, listed, workloads, record.publishNotReady) };
  }
  if (selector === undefined) return service;
  const chosen = workloads.select(namespace, selector).filter(({ ready }) => ready || record.publishNotReady);
  return { ...service, endpoints: selectedEndpoints(service, chosen, report) };
}

export function entryServices(
  entry: ServiceEntry,
  workloads: WorkloadIndex,
  { defaultServiceExportTo }: AssemblySettings,
  report: Report,
): readonly Service[] {
  const { hosts, name, namespace, addresses, ports, resolution, external, created, origin } = entry;
  const chosen: readonly WorkloadRecord[] =
    entry.selector === undefined
      ? []
      : workloads.select(namespace, entry.selector).filter(({ ready }) => ready);
  return hosts.map((hostname) => {
    const service: Service = {
      hostname,
      namespace,
      source: 'service-entry',
      name,
      addresses,
      ports,
      resolution,
      headless: false,
      external,
      exportTo: entry.exportTo ?? defaultServiceExportTo,
      endpoints: entry.endpoints,
      created,
      origin,
    };
    if (entry.selector !== undefined)
      return { ...service, endpoints: selectedEndpoints(service, chosen, report) };
    const itself = resolution === 'dns' && entry.endpoints.length === 0;
    return itself ? { ...service, endpoints: [dnsEndpoint(service, hostname)] } : service;
  });
}

function dnsEndpoint(service: Service, host: string): Service['endpoints'][number] {
  const { ports, namespace, origin, source } = service;
  return {
    kind: asIp(host) === undefined ? 'host' : 'ip',
    address: host,
    // Kubernetes gives the target ports of an ExternalName no meaning.
    ports: Object.fromEntries(
      ports.map(({ name, number, targetPort }) => [
        name,
        source === 'service-entry' && typeof targetPort === 'number' ? targetPort : number,
      ]),
    ),
    namespace,
    labels: {},
    workload: '',
    serviceAccount: '',
    locality: '',
    weight: 1,
    origin,
  };
}
