/** `envoyMetricsService`, `envoyAccessLogService` and `tlsSettings` of ProxyConfig, from protobuf's JSON form. */
import { type Millis, parseGoDuration } from '../platform/duration.ts';
import { toError } from '../platform/errors.ts';
import { parseHostPort } from './addresses.ts';
import type { RemoteService, TlsSettings } from './agent-config.ts';
import { isObject } from './json.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a remote service. Undefined when it names no address, as in `{}`.
 * @param name how messages call it
 */
export function parseRemoteService(
  name: string,
  fields: Fields,
  problems: string[],
): RemoteService | undefined {
  const { address = '' } = fields;
  if (address === '') return undefined;
  if (!checkAddress(`${name}: address`, address, problems)) return undefined;
  return {
    address,
    tls: parseTls(`${name}: tlsSettings`, fields['tlsSettings'], problems),
    tcpKeepalive: parseKeepalive(`${name}: tcpKeepalive`, fields['tcpKeepalive'], problems),
  };
}

/** Whether a value is `host:port`; otherwise there is a problem more. */
export function checkAddress(name: string, address: unknown, problems: string[]): address is string {
  try {
    if (typeof address !== 'string') throw new Error('expected host:port');
    parseHostPort(address);
    return true;
  } catch (error) {
    problems.push(
      `${name} "${typeof address === 'string' ? address : JSON.stringify(address)}": ${toError(error).message}`,
    );
    return false;
  }
}

/** Reads `tlsSettings`. Undefined for none and for mode `DISABLE`. */
export function parseTls(name: string, value: unknown, problems: string[]): TlsSettings | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) {
    problems.push(`${name}: expected an object with mode`);
    return undefined;
  }
  const read = (field: string): string | undefined => text(name, value, field, problems);
  const mode: unknown = value['mode'] ?? 'DISABLE';
  const common = {
    caCertificates: read('caCertificates'),
    sni: read('sni'),
    subjectAltNames: textList(name, value, 'subjectAltNames', problems),
  };
  const clientCertificate = read('clientCertificate');
  const privateKey = read('privateKey');
  switch (mode) {
    case 'DISABLE':
      return undefined;
    case 'SIMPLE':
      return { mode: 'SIMPLE', ...common };
    case 'MUTUAL':
      if (clientCertificate !== undefined && privateKey !== undefined) {
        return { mode: 'MUTUAL', ...common, clientCertificate, privateKey };
      }
      problems.push(`${name}: mode MUTUAL needs both clientCertificate and privateKey`);
      return undefined;
    case 'ISTIO_MUTUAL':
      // The original exchanges the first and the third of these files (pilot-agent-1.5.md §4.6).
      return {
        mode: 'ISTIO_MUTUAL',
        clientCertificate: clientCertificate ?? '/etc/certs/cert-chain.pem',
        privateKey: privateKey ?? '/etc/certs/key.pem',
        ...common,
        caCertificates: common.caCertificates ?? '/etc/certs/root-cert.pem',
      };
    default:
      problems.push(
        `${name}: mode ${JSON.stringify(mode)}: expected DISABLE, SIMPLE, MUTUAL or ISTIO_MUTUAL`,
      );
      return undefined;
  }
}

function parseKeepalive(name: string, value: unknown, problems: string[]): RemoteService['tcpKeepalive'] {
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) {
    problems.push(`${name}: expected an object with probes, time, interval`);
    return undefined;
  }
  const { probes } = value;
  const count = probes === undefined || probes === null ? undefined : Number(probes);
  if (count !== undefined && !(Number.isInteger(count) && count > 0)) {
    problems.push(`${name}: probes ${JSON.stringify(probes)}: expected a whole number over 0`);
  }
  return {
    probes: count,
    time: duration(name, value, 'time', problems),
    interval: duration(name, value, 'interval', problems),
  };
}

function duration(name: string, fields: Fields, field: string, problems: string[]): Millis | undefined {
  const value = fields[field];
  if (value === undefined || value === null) return undefined;
  const parsed = typeof value === 'string' ? parseGoDuration(value) : undefined;
  if (parsed !== undefined && parsed > 0) return parsed;
  problems.push(`${name}: ${field} ${JSON.stringify(value)}: expected a duration such as 10s`);
  return undefined;
}

function text(name: string, fields: Fields, field: string, problems: string[]): string | undefined {
  const value = fields[field];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value === 'string') return value;
  problems.push(`${name}: ${field} ${JSON.stringify(value)}: expected a text`);
  return undefined;
}

/** A list of texts among fields; empty when it is not there. */
export function textList(name: string, fields: Fields, field: string, problems: string[]): readonly string[] {
  const value = fields[field];
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return value;
  problems.push(`${name}: ${field} ${JSON.stringify(value)}: expected a list of texts`);
  return [];
}
