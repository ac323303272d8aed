import type { Tracing } from './agent-config.ts';
import { expandHostIp } from './expand.ts';
import type { Findings } from './findings.ts';
import { isObject } from './json.ts';
import { checkAddress, parseTls } from './remote-service.ts';
import type { Key, Values } from './schema.ts';

const KINDS = ['lightstep', 'zipkin', 'datadog'] as const;
const UNSUPPORTED = ['stackdriver', 'openCensusAgent'];

/** The tracer, and the settings that it came from. */
export interface ChosenTracing {
  readonly tracing: Tracing | undefined;
  readonly from: readonly Key[];
}

/**
 * Chooses the tracer. Flags beat ProxyConfig; among the flags, and among the tracers of one ProxyConfig, lightstep beats
 * zipkin beats datadog (pilot-agent-1.5.md §1.2); ProxyConfig's old `zipkinAddress` is the last resort.
 * @param name how messages call a setting
 * @param zipkinIsFlag whether `zipkinAddress` was given as a flag
 */
export function chooseTracing(
  values: Values,
  name: (key: Key) => string,
  zipkinIsFlag: boolean,
  { problems, warnings }: Findings,
): ChosenTracing {
  const { lightstepAddress, zipkinAddress, datadogAgentAddress } = values;
  if (lightstepAddress !== undefined) return lightstep(lightstepAddress, values, name, problems);
  const zipkin: ChosenTracing = {
    tracing: zipkinAddress === undefined ? undefined : { kind: 'zipkin', address: zipkinAddress },
    from: ['zipkinAddress'],
  };
  if (zipkin.tracing !== undefined && zipkinIsFlag) return zipkin;
  if (datadogAgentAddress !== undefined) {
    return { tracing: { kind: 'datadog', address: datadogAgentAddress }, from: ['datadogAgentAddress'] };
  }
  if (values.tracing === undefined) return zipkin;
  const fields = Object.fromEntries(values.tracing);
  const foreign = UNSUPPORTED.filter((kind) => isObject(fields[kind]));
  for (const kind of foreign) {
    warnings.push(`${name('tracing')}: ${kind} is not supported, ignored; use zipkin, lightstep or datadog`);
  }
  const tracing = ofProxyConfig(fields, values.hostIp, name('tracing'), problems);
  return tracing === undefined ? zipkin : { tracing, from: ['tracing'] };
}

function lightstep(
  address: string,
  values: Values,
  name: (key: Key) => string,
  problems: string[],
): ChosenTracing {
  const { lightstepAccessToken: accessToken, lightstepCacertPath: caCertificates } = values;
  if (accessToken === undefined) {
    problems.push(
      `${name('lightstepAddress')} "${address}": an access token is required, --lightstepAccessToken`,
    );
  }
  if (values.lightstepSecure && caCertificates === undefined) {
    problems.push(`${name('lightstepSecure')}: a root certificate is required, --lightstepCacertPath`);
  }
  return {
    tracing: {
      kind: 'lightstep',
      address,
      accessToken: accessToken ?? '',
      tls: values.lightstepSecure ? { mode: 'SIMPLE', caCertificates, subjectAltNames: [] } : undefined,
    },
    from: ['lightstepAddress', 'lightstepAccessToken', 'lightstepSecure', 'lightstepCacertPath'],
  };
}

function ofProxyConfig(
  fields: Readonly<Record<string, unknown>>,
  hostIp: string | undefined,
  name: string,
  problems: string[],
): Tracing | undefined {
  const kind = KINDS.find((one) => isObject(fields[one]));
  const tracer = kind === undefined ? undefined : fields[kind];
  if (kind === undefined || !isObject(tracer)) return undefined;
  const raw = tracer['address'] ?? '';
  const address = typeof raw === 'string' ? expandHostIp(raw, hostIp) : raw;
  if (address === '' && kind !== 'lightstep') return undefined;
  if (!checkAddress(`${name}: ${kind}.address`, address, problems)) return undefined;
  const tls = parseTls(`${name}: tlsSettings`, fields['tlsSettings'], problems);
  if (kind !== 'lightstep') return { kind, address, tls };
  const { accessToken } = tracer;
  if (typeof accessToken === 'string' && accessToken !== '') return { kind, address, accessToken, tls };
  problems.push(`${name}: lightstep.accessToken is required`);
  return undefined;
}
