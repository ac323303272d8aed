/** What the egress listeners of a Sidecar expose (injection-iptables-sidecar.md D.4). */
import { describeOrigin } from '../model/origin.ts';
import { type Service, type ServicePort, serviceKey } from '../model/service.ts';
import type { EgressListener } from '../model/sidecar.ts';
import { isExportedTo, matchesPattern } from './hosts.ts';
import type { EgressView, ExposedService, Reason } from './view.ts';

export interface Exposed {
  readonly egress: readonly EgressView[];
  readonly services: readonly ExposedService[];
  readonly notes: readonly string[];
}

/**
 * @param services in the order in which they win over each other
 * @param namespace of the workload
 */
export function exposeServices(
  listeners: readonly EgressListener[],
  services: readonly Service[],
  namespace: string,
): Exposed {
  const visible = services.filter((service) => isExportedTo(service, namespace));
  const notes = new Set<string>();
  const lockedPorts = listeners
    .flatMap((each) => (each.kind === 'port' ? each.port.number : []))
    .sort((a, b) => a - b);
  const egress = listeners.map((listener, index): EgressView => {
    const matching = visible.flatMap((service): readonly ExposedService[] => {
      const ports = portsOn(listener, service);
      if (ports.length === 0) return [];
      const reasons = listener.hosts
        .filter((pattern) => matchesPattern(pattern, service, namespace))
        .map((pattern): Reason => ({ pattern, listener: index }));
      return reasons.length === 0 ? [] : [{ service, ports, reasons }];
    });
    return {
      listener,
      services: oneByHostname(matching, namespace, notes),
      lockedPorts: listener.kind === 'catch-all' ? lockedPorts : [],
    };
  });
  return { egress, services: union(egress, notes), notes: [...notes] };
}

/** A listener with a port exposes that port of services only; an HTTP proxy, a socket and a catch-all expose all. */
function portsOn(listener: EgressListener, { ports }: Service): readonly ServicePort[] {
  if (listener.kind !== 'port' || listener.port.protocol === 'HTTP_PROXY') return ports;
  return ports.filter(({ number }) => number === listener.port.number);
}

/** Keeps one service for a hostname: that of the own namespace, a Service before a ServiceEntry, else the first. */
function oneByHostname(
  exposed: readonly ExposedService[],
  namespace: string,
  notes: Set<string>,
): readonly ExposedService[] {
  const rank = ({ namespace: own, source }: Service) =>
    own === namespace ? 0 : source === 'kubernetes' ? 1 : 2;
  const winners = new Map<string, Service>();
  for (const { service } of exposed) {
    const winner = winners.get(service.hostname);
    if (winner === undefined || rank(service) < rank(winner)) winners.set(service.hostname, service);
  }
  return exposed.filter(({ service }) => {
    const winner = winners.get(service.hostname);
    if (winner === service || winner === undefined) return true;
    notes.add(shadowed(service, winner));
    return false;
  });
}

/** What there are clusters for: a hostname is one cluster a port, so of several namespaces the first listener's counts. */
function union(egress: readonly EgressView[], notes: Set<string>): readonly ExposedService[] {
  const merged = new Map<string, ExposedService>();
  for (const each of egress.flatMap(({ services }) => services)) {
    const { hostname } = each.service;
    const before = merged.get(hostname);
    if (before === undefined) merged.set(hostname, each);
    else if (before.service !== each.service) notes.add(shadowed(each.service, before.service));
    else {
      const numbers = new Set([...before.ports, ...each.ports]);
      const ports = before.service.ports.filter((port) => numbers.has(port));
      merged.set(hostname, { service: before.service, ports, reasons: [...before.reasons, ...each.reasons] });
    }
  }
  return [...merged.values()];
}

function shadowed(service: Service, winner: Service): string {
  return (
    `${serviceKey(service)} (${describeOrigin(service.origin)}) is not reachable from here: ` +
    `${serviceKey(winner)} (${describeOrigin(winner.origin)}) has the same hostname and comes first`
  );
}
