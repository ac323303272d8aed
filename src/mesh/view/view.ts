/** What one sidecar sees of a mesh. The Envoy resources are made of this and of the settings, and of nothing else. */
import type { Origin } from '../model/origin.ts';
import type { Endpoint, Service, ServicePort } from '../model/service.ts';
import type {
  EgressListener,
  EgressProxy,
  HostPattern,
  IngressListener,
  OutboundMode,
  SidecarSpec,
} from '../model/sidecar.ts';
import type { Workload } from '../model/workload.ts';

export interface ProxyView {
  readonly workload: Workload;
  readonly sidecar: SidecarChoice;
  readonly outboundTrafficPolicy: PolicyInForce;
  /** In the order of the Sidecar; the catch-all, if there is one, is last. Listeners without services are there too. */
  readonly egress: readonly EgressView[];
  /** The union over all listeners: what there are clusters for. One entry for a service, ports and reasons merged. */
  readonly services: readonly ExposedService[];
  readonly inbound: InboundView;
  /** The loopback address under which the sidecar reaches its application, and the application its sidecar. */
  readonly localhost: '127.0.0.1' | '::1';
  /** What is doubtful in how this view came about, for people. */
  readonly notes: readonly string[];
}

/** Which Sidecar is in force, and why. */
export type SidecarChoice =
  | { readonly kind: 'selector' | 'namespace' | 'root-namespace'; readonly sidecar: SidecarSpec }
  /** No Sidecar is for this workload: it sees whatever is exported to its namespace. */
  | { readonly kind: 'built-in' };

export interface PolicyInForce {
  readonly mode: OutboundMode;
  readonly egressProxy: EgressProxy | undefined;
  /** Which Sidecar says so; undefined: the mesh does. */
  readonly origin: Origin | undefined;
}

export interface EgressView {
  readonly listener: EgressListener;
  /** Sorted by age, namespace, hostname. A hostname is there once. */
  readonly services: readonly ExposedService[];
  /** Only of a catch-all: ports that have a listener of their own, to which this one adds nothing. */
  readonly lockedPorts: readonly number[];
}

/** A service as far as a listener exposes it. */
export interface ExposedService {
  readonly service: Service;
  /** Those that are exposed: some or all of the service's. */
  readonly ports: readonly ServicePort[];
  /** Each pattern that lets it in, in the order of the Sidecar. */
  readonly reasons: readonly Reason[];
}

/** Why a service is visible: the host pattern, with the line where it is written; no origin for the built-in one. */
export interface Reason {
  readonly pattern: HostPattern;
  /** Index in `ProxyView.egress`. */
  readonly listener: number;
}

export type InboundView =
  /** No `ingress`: one for each port of the services that the workload belongs to. */
  | { readonly kind: 'services'; readonly ports: readonly InboundPort[] }
  /** As the Sidecar lists them. */
  | { readonly kind: 'listeners'; readonly listeners: readonly InboundListener[] };

export interface InboundPort {
  readonly service: Service;
  readonly port: ServicePort;
  /** The workload's own entry among the endpoints of the service. */
  readonly endpoint: Endpoint;
  /** On which the application listens. */
  readonly targetPort: number;
}

export interface InboundListener {
  readonly listener: IngressListener;
  /** `bind` of the listener, else the workload's first IP address; undefined when it has none. */
  readonly address: string | undefined;
  /** The service behind it; undefined: no service of the workload has the port. */
  readonly service: InboundPort | undefined;
  /** Hostname for names of clusters and routes: the service's, else `<sidecar>.<namespace>`. */
  readonly hostname: string;
}
