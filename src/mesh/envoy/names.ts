/** Names of resources, as Istio has them: dashboards, `config_dump` and people know them. */
import { createHash } from 'node:crypto';

export const PASSTHROUGH = 'PassthroughCluster';
export const BLACK_HOLE = 'BlackHoleCluster';
export const INBOUND_PASSTHROUGH = 'InboundPassthroughCluster';
export const VIRTUAL_OUTBOUND = 'virtualOutbound';
export const VIRTUAL_INBOUND = 'virtualInbound';

/** `outbound|9080||reviews.default.svc.cluster.local` */
export function outboundCluster(hostname: string, port: number): string {
  return `outbound|${port}||${hostname}`;
}

/** `inbound|9080||`: by the port on which the connection arrives. */
export function inboundCluster(port: number): string {
  return `inbound|${port}||`;
}

/** `10.96.0.2_9080` */
export function listenerName(bind: string, port: number): string {
  return `${bind}_${port}`;
}

/** The semicolon ends the name in statistics, where the name itself has dots. */
export function statName(name: string): string {
  return `${name};`;
}

const LONGEST = 200;

/** A file for a resource of that name; every name has another one. */
export function fileName(resource: string): string {
  const plain = resource.replaceAll(/[%/]/g, (sign) => encodeURIComponent(sign));
  if (Buffer.byteLength(plain) <= LONGEST) return `${plain}.json`;
  // The kernel's limit is 255 bytes, and a hostname alone may have 253.
  const hash = createHash('sha256').update(resource).digest('hex').slice(0, 16);
  return `${plain.slice(0, LONGEST - hash.length)}%${hash}.json`;
}
