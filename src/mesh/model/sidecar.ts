import type { Origin } from './origin.ts';
import type { Protocol } from './protocol.ts';

/** How traffic gets to a listener. `DEFAULT`: as the sidecar's interception mode has it. */
export type CaptureMode = 'DEFAULT' | 'IPTABLES' | 'NONE';

export type OutboundMode = 'ALLOW_ANY' | 'REGISTRY_ONLY';

/** A checked `Sidecar`, with its defaults filled in. */
export interface SidecarSpec {
  readonly name: string;
  readonly namespace: string;
  /** Undefined: it is for every workload of the namespace. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  /** Empty: derived from the services that the workload belongs to. */
  readonly ingress: readonly IngressListener[];
  /** Never empty: without an `egress` it is one catch-all of all hosts. */
  readonly egress: readonly EgressListener[];
  /** Undefined: as the mesh has it. */
  readonly outboundTrafficPolicy: OutboundTrafficPolicy | undefined;
  /** `metadata.creationTimestamp`; empty when there is none, which counts as the oldest. */
  readonly created: string;
  readonly origin: Origin;
}

export interface ListenerPort {
  readonly number: number;
  readonly name: string;
  readonly protocol: Protocol;
}

export interface IngressListener {
  readonly port: ListenerPort;
  /** An IP address; undefined: the workload's own. */
  readonly bind: string | undefined;
  readonly captureMode: CaptureMode;
  readonly defaultEndpoint: DefaultEndpoint;
  readonly origin: Origin;
}

/** Where the application of an ingress listener is. */
export type DefaultEndpoint =
  | { readonly kind: 'loopback'; readonly address: '127.0.0.1' | '::1'; readonly port: number }
  /** `0.0.0.0:PORT` and `[::]:PORT`: the workload's own address. */
  | { readonly kind: 'instance'; readonly family: 4 | 6; readonly port: number }
  /** A path, or `@` and a name of Linux's abstract namespace; without `unix://`. */
  | { readonly kind: 'unix'; readonly path: string }
  /** None is given: the workload's own address, the listener's port. */
  | { readonly kind: 'same-port' };

export type EgressListener = {
  readonly captureMode: CaptureMode;
  readonly hosts: readonly HostPattern[];
  /** Undefined for what is built in. */
  readonly origin: Origin | undefined;
} & EgressAddress;

export type EgressAddress =
  /** `bind` undefined: by the capture mode. */
  | { readonly kind: 'port'; readonly port: ListenerPort; readonly bind: string | undefined }
  /** Port 0: a Unix socket; without `unix://`, `@` and a name for Linux's abstract namespace. */
  | { readonly kind: 'socket'; readonly port: ListenerPort; readonly path: string }
  /** Every port that no other listener has. */
  | { readonly kind: 'catch-all'; readonly bind: string | undefined };

/** One of `hosts`: `namespace/dnsName`. */
export interface HostPattern {
  /** As written. */
  readonly text: string;
  /** `*`: any, `.`: the workload's own, `~`: none, else a name. */
  readonly namespace: string;
  /** `*`, a name, or a name that begins with `*`. */
  readonly dnsName: string;
  /** Undefined for what is built in. */
  readonly origin: Origin | undefined;
}

export interface OutboundTrafficPolicy {
  readonly mode: OutboundMode;
  /** Where unknown traffic goes instead of to the address that it asked for. */
  readonly egressProxy: EgressProxy | undefined;
}

export interface EgressProxy {
  readonly host: string;
  readonly port: number;
  /** Empty: none. */
  readonly subset: string;
}

/** What a workload sees for which there is no `egress`: whatever is exported to it. */
export const ALL_EGRESS: EgressListener = {
  kind: 'catch-all',
  bind: undefined,
  captureMode: 'DEFAULT',
  hosts: [{ text: '*/*', namespace: '*', dnsName: '*', origin: undefined }],
  origin: undefined,
};
