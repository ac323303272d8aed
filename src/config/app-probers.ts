import type { Millis } from '../platform/duration.ts';

/** What `ISTIO_KUBE_APP_PROBERS` says: path on the status port -> how to ask the application. */
export type AppProbers = ReadonlyMap<string, AppProber>;

export type AppProber = HttpProber | TcpProber | GrpcProber;

interface ProberBase {
  /** From the question to the last byte of the answer. The original's 0 ("no timeout") becomes kubelet's default, 1 s. */
  readonly timeout: Millis;
}
export interface HttpProber extends ProberBase {
  readonly kind: 'http';
  readonly scheme: 'http' | 'https';
  readonly port: number;
  /** With leading slash, query kept. */
  readonly path: string;
  /** A literal `Host` among the probe's `httpHeaders`; the others are sent by the kubelet itself. */
  readonly hostHeader: string | undefined;
}
export interface TcpProber extends ProberBase {
  readonly kind: 'tcp';
  readonly port: number;
}
export interface GrpcProber extends ProberBase {
  readonly kind: 'grpc';
  readonly port: number;
  readonly service: string;
}
