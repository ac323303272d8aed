/** From resources to the model: names become links, Services get their endpoints. Pure. */
import type { EndpointSet, Resource } from '../decode/records.ts';
import type { Finding } from '../model/finding.ts';
import type { MeshModel } from '../model/mesh.ts';
import { compareOrigins, compareText, describeOrigin, type Origin } from '../model/origin.ts';
import type { Service } from '../model/service.ts';
import type { SidecarSpec } from '../model/sidecar.ts';
import { distinctHosts, warnOfLooseEnds, warnOfSecondDefaults } from './contradictions.ts';
import type { Report } from './endpoints.ts';
import { type AssemblySettings, entryServices, kubernetesService } from './services.ts';
import { indexWorkloads } from './workload-index.ts';

export interface Assembled {
  readonly model: MeshModel;
  /** Warnings only: what is said twice, what leads nowhere. */
  readonly findings: readonly Finding[];
}

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
