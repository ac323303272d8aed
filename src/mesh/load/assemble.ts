/** From resources to the model: names become links, Services get their endpoints. Pure. */
import type {
  EndpointSet,
  KubernetesService,
  Resource,
  ServiceEntry,
  WorkloadRecord,
} from '../decode/records.ts';
import type { Finding } from '../model/finding.ts';
import type { MeshModel } from '../model/mesh.ts';
import { compareOrigins, compareText, describeOrigin, type Origin } from '../model/origin.ts';
import { type Service, serviceKey } from '../model/service.ts';
import type { MeshSettings } from '../model/settings.ts';
import type { SidecarSpec } from '../model/sidecar.ts';
import type { Workload } from '../model/workload.ts';
import { listedEndpoints, selectedEndpoints } from './endpoints.ts';
import { indexWorkloads, type WorkloadIndex } from './workload-index.ts';

export interface Assembled {
  readonly model: MeshModel;
  /** Warnings only: what is said twice, what leads nowhere. */
  readonly findings: readonly Finding[];
}

type Report = (workload: Workload, problem: string) => void;

/** Of the settings, those that a model depends on. */
export type AssemblySettings = Pick<MeshSettings, 'domain' | 'defaultServiceExportTo'>;

/** @param resources in whatever order: of two with one name, the first by file and line counts */
export function assemble(resources: readonly Resource[], settings: AssemblySettings): Assembled {
  const findings: Finding[] = [];
  const sorted = [...resources].sort((a, b) => compareOrigins(originOf(a), originOf(b)));
  const once = distinct(sorted, findings);
  const records = once.flatMap((each) => ('workload' in each ? each.workload : []));
  const workloads = indexWorkloads(records);
  const sets = endpointSets(once);
  const report: Report = ({ kind, namespace, name, origin }, message) => {
    const resource = `${kind === 'pod' ? 'Pod' : 'WorkloadEntry'} ${namespace}/${name}`;
    findings.push({ severity: 'warning', origin, resource, field: 'spec.address', message });
  };
  const services = once.flatMap((each): readonly Service[] => {
    if (each.kind === 'Service') return [kubernetesService(each.service, sets, workloads, settings, report)];
    return each.kind === 'ServiceEntry' ? entryServices(each.entry, workloads, settings, report) : [];
  });
  warnOfLooseEnds(once, services, sets, findings);
  const sidecars = once
    .flatMap((each) => (each.kind === 'Sidecar' ? each.sidecar : []))
    .sort(compareSidecars);
  warnOfSecondDefaults(sidecars, findings);
  return {
    model: {
      services: distinctHosts(services.sort(compareServices), findings),
      workloads: records.map(({ workload }) => workload).sort(byName),
      sidecars,
    },
    findings,
  };
}

/** The older first, then by names: the order in which services and Sidecars win over each other. */
function compareServices(a: Service, b: Service): number {
  return (
    compareText(a.created, b.created) ||
    compareText(a.namespace, b.namespace) ||
    compareText(a.hostname, b.hostname) ||
    compareText(a.source, b.source) ||
    compareText(a.name, b.name)
  );
}

function compareSidecars(a: SidecarSpec, b: SidecarSpec): number {
  return compareText(a.created, b.created) || byName(a, b);
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

function byName(a: Named, b: Named): number {
  return compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}

function namedOf(resource: Resource): Named & { readonly origin: Origin } {
  switch (resource.kind) {
    case 'Service':
      return resource.service;
    case 'Endpoints':
    case 'EndpointSlice':
      return resource.endpoints;
    case 'Pod':
    case 'WorkloadEntry':
      return resource.workload.workload;
    case 'ServiceEntry':
      return resource.entry;
    case 'Sidecar':
      return resource.sidecar;
  }
}

function originOf(resource: Resource): Origin {
  return namedOf(resource).origin;
}

function distinct(resources: readonly Resource[], findings: Finding[]): readonly Resource[] {
  const seen = new Map<string, Origin>();
  return resources.filter((each) => {
    const { namespace, name, origin } = namedOf(each);
    const resource = `${each.kind} ${namespace}/${name}`;
    const first = seen.get(resource);
    if (first === undefined) {
      seen.set(resource, origin);
      return true;
    }
    const message = `is defined in ${describeOrigin(first)} already, this one is ignored`;
    findings.push({ severity: 'warning', origin, resource, field: '', message });
    return false;
  });
}

/** A hostname has one owner in a namespace: a Service before a ServiceEntry, the older before the younger. */
function distinctHosts(services: readonly Service[], findings: Finding[]): readonly Service[] {
  const owners = new Map<string, Service>();
  for (const service of services) {
    const owner = owners.get(serviceKey(service));
    if (owner === undefined || (owner.source === 'service-entry' && service.source === 'kubernetes')) {
      owners.set(serviceKey(service), service);
    }
  }
  return services.filter((service) => {
    const owner = owners.get(serviceKey(service));
    if (owner === service || owner === undefined) return true;
    findings.push({
      severity: 'warning',
      origin: service.origin,
      resource: `ServiceEntry ${service.namespace}/${service.name}`,
      field: 'spec.hosts',
      message: `"${service.hostname}": ${describeOrigin(owner.origin)} has this host in the namespace already, here it is ignored`,
    });
    return false;
  });
}

/** A namespace has one Sidecar without a selector; a second one has no effect. */
function warnOfSecondDefaults(sidecars: readonly SidecarSpec[], findings: Finding[]): void {
  const defaults = new Map<string, SidecarSpec>();
  for (const sidecar of sidecars) {
    const { namespace, name, origin, selector } = sidecar;
    if (selector !== undefined) continue;
    const first = defaults.get(namespace);
    if (first === undefined) {
      defaults.set(namespace, sidecar);
      continue;
    }
    findings.push({
      severity: 'warning',
      origin,
      resource: `Sidecar ${namespace}/${name}`,
      field: '',
      message:
        `has no effect: ${first.name} (${describeOrigin(first.origin)}) has no workloadSelector either, and comes first; ` +
        'give one of them a workloadSelector, or remove it',
    });
  }
}

/** Lists of endpoints without a Service, and ports of Services that none of their listed endpoints has. */
function warnOfLooseEnds(
  resources: readonly Resource[],
  services: readonly Service[],
  sets: ReadonlyMap<string, readonly EndpointSet[]>,
  findings: Finding[],
): void {
  const names = new Map<string, Service>();
  for (const service of services) {
    if (service.source === 'kubernetes') names.set(`${service.namespace}/${service.name}`, service);
  }
  for (const each of resources) {
    if (each.kind !== 'Endpoints' && each.kind !== 'EndpointSlice') continue;
    const { namespace, name, service, origin } = each.endpoints;
    if (names.has(`${namespace}/${service}`)) continue;
    const resource = `${each.kind} ${namespace}/${name}`;
    const message = `there is no Service ${namespace}/${service}, ignored`;
    findings.push({ severity: 'warning', origin, resource, field: '', message });
  }
  for (const key of sets.keys()) {
    const service = names.get(key);
    if (service === undefined || service.external || service.endpoints.length === 0) continue;
    for (const port of service.ports) {
      if (port.protocol === 'UDP' || service.endpoints.some(({ ports }) => ports[port.name] !== undefined))
        continue;
      findings.push({
        severity: 'warning',
        origin: port.origin,
        resource: `Service ${key}`,
        field: 'spec.ports',
        message: `"${port.name}": none of its listed endpoints has a port of this name: nothing will answer on ${port.number}`,
      });
    }
  }
}

/** Lists of endpoints by the Service that they are of. Where there are slices, `Endpoints` are their copy. */
function endpointSets(resources: readonly Resource[]): ReadonlyMap<string, readonly EndpointSet[]> {
  const slices = new Map<string, EndpointSet[]>();
  const plain = new Map<string, EndpointSet[]>();
  for (const each of resources) {
    if (each.kind !== 'Endpoints' && each.kind !== 'EndpointSlice') continue;
    const sets = each.kind === 'Endpoints' ? plain : slices;
    const key = `${each.endpoints.namespace}/${each.endpoints.service}`;
    const known = sets.get(key);
    if (known === undefined) sets.set(key, [each.endpoints]);
    else known.push(each.endpoints);
  }
  return new Map([...plain, ...slices]);
}

function kubernetesService(
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

function entryServices(
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
    kind: 'host',
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
