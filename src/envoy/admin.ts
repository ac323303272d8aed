import type { Millis } from '../platform/duration.ts';
import { callHttp, type HttpAnswer } from '../platform/http-client.ts';

/** Envoy's admin interface. Every call has a deadline, for a stopped Envoy accepts connections and never answers. */
export interface EnvoyAdmin {
  /** For those who read its answers in their own way. */
  readonly host: string;
  readonly port: number;
  get(path: string, deadline: Millis, signal?: AbortSignal): Promise<HttpAnswer>;
  post(path: string, deadline: Millis, signal?: AbortSignal): Promise<HttpAnswer>;
}

/** @param host the loopback address of the family that Envoy binds: `127.0.0.1` or `::1` */
export function envoyAdmin(host: string, port: number): EnvoyAdmin {
  const call = (method: string) => (path: string, deadline: Millis, signal?: AbortSignal) =>
    callHttp({ host, port, path, method, deadline, ...(signal === undefined ? {} : { signal }) });
  return { host, port, get: call('GET'), post: call('POST') };
}
