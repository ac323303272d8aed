import type { IncomingMessage } from 'node:http';
import type { Millis } from '../platform/duration.ts';
import { callHttp, type HttpAnswer, openHttp } from '../platform/http-client.ts';

/** Envoy's admin interface. Every call has a deadline, for a stopped Envoy accepts connections and never answers. */
export interface EnvoyAdmin {
  get(path: string, deadline: Millis, signal?: AbortSignal): Promise<HttpAnswer>;
  post(path: string, deadline: Millis, signal?: AbortSignal): Promise<HttpAnswer>;
  /** The answer as a stream, for bodies whose size is Envoy's choice. */
  open(
    path: string,
    headers: Readonly<Record<string, string>>,
    deadline: Millis,
    signal?: AbortSignal,
  ): Promise<IncomingMessage>;
}

/** @param host the loopback address of the family that Envoy binds: `127.0.0.1` or `::1` */
export function envoyAdmin(host: string, port: number): EnvoyAdmin {
  const call = (method: string) => (path: string, deadline: Millis, signal?: AbortSignal) =>
    callHttp({ host, port, path, method, deadline, ...(signal === undefined ? {} : { signal }) });
  return {
    get: call('GET'),
    post: call('POST'),
    open: (path, headers, deadline, signal) =>
      openHttp({ host, port, path, headers, deadline, ...(signal === undefined ? {} : { signal }) }),
  };
}
