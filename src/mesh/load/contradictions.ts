/** What can only be seen of all resources together: things that are there twice, or lead nowhere. */
import type { EndpointSet, Resource } from '../decode/records.ts';
import type { Finding } from '../model/finding.ts';
import { describeOrigin } from '../model/origin.ts';
import { type Service, serviceKey } from '../model/service.ts';
import type { SidecarSpec } from '../model/sidecar.ts';

/** A hostname has one owner in a namespace: a Service before a ServiceEntry, the older before the younger. */
export function distinctHosts(services: readonly Service[], findings: Finding[]): readonly Service[] {
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
export function warnOfSecondDefaults(sidecars: readonly SidecarSpec[], findings: Finding[]): void {
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
export function warnOfLooseEnds(
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
