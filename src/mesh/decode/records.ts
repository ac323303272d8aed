/** Resources as they were read, before they are joined to a model. */
import type { Origin } from '../model/origin.ts';
import type { Endpoint, Resolution, ServicePort } from '../model/service.ts';
import type { SidecarSpec } from '../model/sidecar.ts';
import type { Workload } from '../model/workload.ts';

export type Resource =
  | { readonly kind: 'Service'; readonly service: KubernetesService }
  | { readonly kind: 'Endpoints' | 'EndpointSlice'; readonly endpoints: EndpointSet }
  | { readonly kind: 'Pod' | 'WorkloadEntry'; readonly workload: WorkloadRecord }
  | { readonly kind: 'ServiceEntry'; readonly entry: ServiceEntry }
  | { readonly kind: 'Sidecar'; readonly sidecar: SidecarSpec };

interface Named {
  readonly name: string;
  readonly namespace: string;
  readonly created: string;
  readonly origin: Origin;
}

export interface KubernetesService extends Named {
  readonly addresses: readonly string[];
  readonly headless: boolean;
  /** The DNS name that an ExternalName stands for. */
  readonly externalName: string | undefined;
  /** Undefined: its endpoints are listed by hand. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  readonly ports: readonly ServicePort[];
  readonly exportTo: readonly string[] | undefined;
  /** Endpoints count even while they are not ready. */
  readonly publishNotReady: boolean;
}

export interface EndpointSet extends Named {
  /** The name of the Service that they are of. */
  readonly service: string;
  readonly addresses: readonly EndpointAddress[];
}

export interface EndpointAddress {
  readonly kind: 'ip' | 'host';
  readonly address: string;
  readonly ready: boolean;
  /** Name of the Service's port -> port; shared by all addresses of a group. */
  readonly ports: Readonly<Record<string, number>>;
  readonly locality: string;
  /** `namespace/name`; empty when it is not known. */
  readonly pod: string;
  readonly origin: Origin;
}

export interface WorkloadRecord {
  readonly workload: Workload;
  readonly created: string;
  /** Whether it is to get requests. */
  readonly ready: boolean;
}

export interface ServiceEntry extends Named {
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
  readonly ports: readonly ServicePort[];
  readonly resolution: Resolution;
  readonly external: boolean;
  readonly exportTo: readonly string[] | undefined;
  readonly endpoints: readonly Endpoint[];
  readonly selector: Readonly<Record<string, string>> | undefined;
}
