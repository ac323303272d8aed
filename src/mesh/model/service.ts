import type { Origin } from './origin.ts';
import type { Protocol } from './protocol.ts';

/**
 * How Envoy finds the endpoints. `static`: they are listed here (EDS). `dns`: they are names, which Envoy resolves.
 * `none`: a connection goes to the address that the client asked for.
 */
export type Resolution = 'static' | 'dns' | 'none';

export interface ServicePort {
  /** Empty when the service has one port and does not name it. Unique in the service. */
  readonly name: string;
  readonly number: number;
  readonly protocol: Protocol;
  /** The port of the endpoints, or the name of a container's port. */
  readonly targetPort: number | string;
  readonly origin: Origin;
}

/** Something that clients call by one name. */
export interface Service {
  readonly hostname: string;
  readonly namespace: string;
  readonly source: 'kubernetes' | 'service-entry';
  /** The name of the Service or ServiceEntry. */
  readonly name: string;
  /** IP addresses, and CIDR ranges (of ServiceEntries only). Empty: it has none of its own. */
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly resolution: Resolution;
  /** A Kubernetes Service with `clusterIP: None`: clients get the addresses of its endpoints from DNS. */
  readonly headless: boolean;
  /** Not a part of the mesh (MESH_EXTERNAL, ExternalName). */
  readonly external: boolean;
  /** Namespaces whose sidecars may see it: `*`, `.` (its own), `~` (none), or names. */
  readonly exportTo: readonly string[];
  readonly endpoints: readonly Endpoint[];
  /** `metadata.creationTimestamp`; empty when there is none, which counts as the oldest. */
  readonly created: string;
  readonly origin: Origin;
}

/** One instance of a service. */
export interface Endpoint {
  /** `ip`: an IP address. `host`: a DNS name. `unix`: a path, or `@` and a name of Linux's abstract namespace. */
  readonly kind: 'ip' | 'host' | 'unix';
  readonly address: string;
  /** Name of the service's port -> port of the endpoint; what is missing is not served here. 0 for `unix`. */
  readonly ports: Readonly<Record<string, number>>;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `namespace/name` of the Pod or WorkloadEntry that it is; empty when only the address is known. */
  readonly workload: string;
  /** Empty when it is not known. */
  readonly serviceAccount: string;
  /** `region/zone/subzone`; empty when it is not known. */
  readonly locality: string;
  /** Share of the requests, 1 when nothing is said. */
  readonly weight: number;
  readonly origin: Origin;
}

/** What tells two services apart: one hostname may be in several namespaces. */
export function serviceKey({ namespace, hostname }: Pick<Service, 'namespace' | 'hostname'>): string {
  return `${namespace}/${hostname}`;
}

/** The endpoints that serve one port, with the number that they listen on. */
export function endpointsOf(
  service: Service,
  port: ServicePort,
): readonly { readonly endpoint: Endpoint; readonly port: number }[] {
  return service.endpoints.flatMap((endpoint) => {
    const number = endpoint.ports[port.name];
    return number === undefined ? [] : [{ endpoint, port: number }];
  });
}
