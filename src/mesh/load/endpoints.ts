/** The endpoints of a service: as a list has them, or as its selector finds them. */
import { asIp, UNIX } from '../decode/names.ts';
import type { EndpointSet, WorkloadRecord } from '../decode/records.ts';
import { compareText } from '../model/origin.ts';
import type { Endpoint, Service, ServicePort } from '../model/service.ts';
import type { Workload } from '../model/workload.ts';
import type { WorkloadIndex } from './workload-index.ts';

/** Told of a workload that cannot be what it was selected for. */
export type Report = (workload: Workload, problem: string) => void;

/** As `Endpoints` or `EndpointSlice`s list them; an address that two lists have counts once. */
export function listedEndpoints(
  { namespace }: Service,
  sets: readonly EndpointSet[],
  workloads: WorkloadIndex,
  withUnready: boolean,
): readonly Endpoint[] {
  const found = new Map<string, Endpoint>();
  const portKeys = new Map<object, string>();
  for (const { addresses } of sets) {
    for (const { kind, address, ready, ports, locality, pod, origin } of addresses) {
      if (!ready && !withUnready) continue;
      let portKey = portKeys.get(ports);
      if (portKey === undefined) {
        portKey = JSON.stringify(Object.entries(ports).sort());
        portKeys.set(ports, portKey);
      }
      const key = `${address} ${portKey}`;
      if (found.has(key)) continue;
      const record =
        (pod === '' ? undefined : workloads.byName(pod)) ?? workloads.byAddress(namespace, address);
      const workload = record?.workload;
      found.set(key, {
        kind,
        address,
        ports,
        namespace,
        labels: workload?.labels ?? NO_LABELS,
        workload: workload === undefined ? '' : `${workload.namespace}/${workload.name}`,
        serviceAccount: workload?.serviceAccount ?? '',
        locality: locality === '' ? (workload?.locality ?? '') : locality,
        weight: workload?.weight ?? 1,
        origin,
      });
    }
  }
  return sortEndpoints([...found.values()]);
}

const NO_LABELS: Endpoint['labels'] = {};

/**
 * The workloads that the service's selector has found, at their first address.
 * @param report told of those whose address is of a kind that the service cannot have
 */
export function selectedEndpoints(
  { hostname, ports, namespace, resolution }: Service,
  records: readonly WorkloadRecord[],
  report: Report,
): readonly Endpoint[] {
  const endpoints = records.flatMap(({ workload }): readonly Endpoint[] => {
    const [address] = workload.addresses;
    if (address === undefined) return [];
    const unix = address.startsWith(UNIX);
    const kind = unix ? 'unix' : asIp(address) === undefined ? 'host' : 'ip';
    if (kind === (resolution === 'dns' ? 'unix' : 'host')) {
      report(
        workload,
        `"${address}": resolution ${resolution.toUpperCase()} of ${hostname} has no use for it, left out`,
      );
      return [];
    }
    const served = ports.flatMap((port) => {
      const number = unix ? 0 : portOn(workload, port);
      return number === undefined ? [] : [[port.name, number] as const];
    });
    const { labels, serviceAccount, locality, weight, origin } = workload;
    return [
      {
        kind,
        address: unix ? address.slice(UNIX.length) : address,
        ports: Object.fromEntries(served),
        namespace,
        labels,
        workload: `${workload.namespace}/${workload.name}`,
        serviceAccount,
        locality,
        weight,
        origin,
      },
    ];
  });
  return sortEndpoints(endpoints);
}

/** The port of a workload that is behind a port of a service; undefined when the workload has no port of that name. */
function portOn({ kind, ports }: Workload, { name, targetPort }: ServicePort): number | undefined {
  const called = (wanted: string | number) => ports.find((port) => port.name === wanted)?.number;
  const own = kind === 'workload-entry' && name !== '' ? called(name) : undefined;
  return own ?? (typeof targetPort === 'number' ? targetPort : called(targetPort));
}

function sortEndpoints(endpoints: Endpoint[]): readonly Endpoint[] {
  return endpoints.sort(
    (a, b) =>
      compareText(a.address, b.address) ||
      compareText(a.workload, b.workload) ||
      compareText(JSON.stringify(a.ports), JSON.stringify(b.ports)),
  );
}
