import type { Millis } from '../../platform/duration.ts';
import type { OutboundMode } from './sidecar.ts';

/** What the mesh config says for every sidecar. */
export interface MeshSettings {
  /** Its Sidecar without a selector is the default of the other namespaces. */
  readonly rootNamespace: string;
  /** Suffix of the names of Kubernetes Services: `reviews.default.svc.<domain>`. */
  readonly domain: string;
  readonly outboundTrafficPolicy: OutboundMode;
  /** For services that do not say it themselves. */
  readonly defaultServiceExportTo: readonly string[];
  readonly accessLog: AccessLog;
  readonly tracing: MeshTracing;
  readonly connectTimeout: Millis;
  /** How long a listener waits for the first bytes of a client before it takes the connection for TCP. */
  readonly protocolDetectionTimeout: Millis;
  /** Where redirected outbound connections arrive. */
  readonly outboundPort: number;
  /** Where redirected inbound connections arrive. */
  readonly inboundPort: number;
  /** Port of an HTTP proxy on loopback for the application; 0: none. */
  readonly httpProxyPort: number;
}

export type AccessLog =
  | { readonly kind: 'off' }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly encoding: 'TEXT' | 'JSON';
      /** Envoy's format, text or a JSON object as text; empty: the default of the encoding. */
      readonly format: string;
    };

export type MeshTracing =
  | { readonly kind: 'off' }
  | {
      readonly kind: 'zipkin';
      readonly host: string;
      readonly port: number;
      /** Share of the requests that are traced, in percent. */
      readonly sampling: number;
    };
