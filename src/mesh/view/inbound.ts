/** What arrives at a workload: the services that it is an endpoint of, or the ingress listeners of its Sidecar. */
import { isIP } from 'node:net';
import type { Endpoint, Service } from '../model/service.ts';
import type { SidecarSpec } from '../model/sidecar.ts';
import type { Workload } from '../model/workload.ts';
import type { InboundPort, InboundView } from './view.ts';

/** @param sidecar undefined: none is for the workload */
export function inboundView(
  services: readonly Service[],
  workload: Workload,
  sidecar: SidecarSpec | undefined,
): InboundView {
  const ports = inboundPorts(services, workload);
  if (sidecar === undefined || sidecar.ingress.length === 0) return { kind: 'services', ports };
  const address = ipAddresses(workload)[0];
  const listeners = sidecar.ingress.map((listener) => {
    const service = ports.find(({ targetPort }) => targetPort === listener.port.number);
    const hostname = service?.service.hostname ?? `${sidecar.name}.${sidecar.namespace}`;
    return { listener, address: listener.bind ?? address, service, hostname };
  });
  return { kind: 'listeners', listeners };
}

export function ipAddresses({ addresses }: Workload): readonly string[] {
  return addresses.filter((address) => isIP(address) !== 0);
}

/** In the order of the services and their ports; a port of several services is there for each. */
function inboundPorts(services: readonly Service[], workload: Workload): readonly InboundPort[] {
  const addresses = new Set(workload.addresses);
  const name = `${workload.namespace}/${workload.name}`;
  // Where it is known who an endpoint is, that decides: on one machine several workloads may share an address.
  const isOwn = (endpoint: Endpoint) =>
    endpoint.workload === '' ? addresses.has(endpoint.address) : endpoint.workload === name;
  return services.flatMap((service) => {
    if (service.namespace !== workload.namespace) return [];
    const own = service.endpoints.filter(isOwn);
    return service.ports.flatMap((port) => {
      const endpoint = own.find(({ ports }) => ports[port.name] !== undefined);
      const targetPort = endpoint?.ports[port.name];
      return endpoint === undefined || targetPort === undefined || port.protocol === 'UDP'
        ? []
        : [{ service, port, endpoint, targetPort }];
    });
  });
}
