/** The mesh-wide settings of a mesh config file, Istio's `MeshConfig`. */
import { splitHostPort } from '../../platform/addresses.ts';
import { type Millis, parseGoDuration } from '../../platform/duration.ts';
import { DEFAULT_SETTINGS } from '../model/defaults.ts';
import type { Finding } from '../model/finding.ts';
import type { AccessLog, MeshSettings, MeshTracing } from '../model/settings.ts';
import { checkExportTo, MAX_PORT } from './common.ts';
import {
  child,
  descend,
  error,
  type Field,
  isGiven,
  isObject,
  oneOf,
  show,
  text,
  texts,
  topField,
  truth,
  warning,
  wholeNumber,
} from './field.ts';
import { isLabel } from './names.ts';

export interface ReadSettings {
  readonly settings: MeshSettings;
  /** Each names its field; what is wrong keeps its default in `settings`. */
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** Fields that would change what a sidecar does, and are not supported. All others are not for sidecars from files. */
const NOT_SUPPORTED = [
  ...['accessLogProviders', 'defaultDestinationRuleExportTo', 'defaultHttpRetryPolicy', 'defaultProviders'],
  ...[
    'defaultVirtualServiceExportTo',
    'discoverySelectors',
    'enableEnvoyAccessLogService',
    'extensionProviders',
  ],
  ...['h2UpgradePolicy', 'hboneIdleTimeout', 'inboundClusterStatName', 'localityLbSetting', 'meshMTLS'],
  ...['outboundClusterStatName', 'pathNormalization', 'serviceSettings', 'tcpKeepalive', 'tlsDefaults'],
];
/** In percent, as in Istio 1.30. */
const DEFAULT_SAMPLING = 1;
const ZIPKIN_PORT = 9411;

/**
 * Reads the settings that sidecars from files have in common.
 * @param meshConfig the parsed file; an empty object when there is none
 * @param domain suffix of the names of Services, for the mesh config does not say it
 */
export function readMeshSettings(
  meshConfig: Readonly<Record<string, unknown>>,
  domain: string = DEFAULT_SETTINGS.domain,
): ReadSettings {
  const findings: Finding[] = [];
  const document = { value: meshConfig, document: 1, lineOf: () => 1 };
  const top = topField({ file: '', document, resource: '', findings }, meshConfig);
  for (const name of NOT_SUPPORTED) {
    if (isGiven(child(top, name)))
      warning(child(top, name), 'is not supported with a mesh from files, ignored');
  }
  const defaults = DEFAULT_SETTINGS;
  const exportTo = child(top, 'defaultServiceExportTo');
  const settings: MeshSettings = {
    rootNamespace: readNamespace(child(top, 'rootNamespace')) ?? defaults.rootNamespace,
    domain,
    outboundTrafficPolicy: readPolicy(child(top, 'outboundTrafficPolicy')),
    defaultServiceExportTo:
      texts(exportTo).length === 0
        ? defaults.defaultServiceExportTo
        : checkExportTo(exportTo, texts(exportTo)),
    accessLog: readAccessLog(top),
    tracing: readTracing(top),
    connectTimeout: readDuration(child(top, 'connectTimeout')) ?? defaults.connectTimeout,
    protocolDetectionTimeout:
      readDuration(child(top, 'protocolDetectionTimeout')) ?? defaults.protocolDetectionTimeout,
    outboundPort: readOptionalPort(child(top, 'proxyListenPort')) ?? defaults.outboundPort,
    inboundPort: readOptionalPort(child(top, 'proxyInboundListenPort')) ?? defaults.inboundPort,
    httpProxyPort: readOptionalPort(child(top, 'proxyHttpPort')) ?? defaults.httpProxyPort,
  };
  const of = (wanted: Finding['severity']) => [
    ...new Set(
      findings
        .filter(({ severity }) => severity === wanted)
        .map(({ field, message }) => `${field}: ${message}`),
    ),
  ];
  return { settings, problems: of('error'), warnings: of('warning') };
}

function readNamespace(field: Field): string | undefined {
  const name = text(field);
  if (name === undefined || name === '') return undefined;
  if (!isLabel(name)) error(field, `"${name}": expected the name of a namespace`);
  return name;
}

function readPolicy(field: Field): MeshSettings['outboundTrafficPolicy'] {
  if (!isObject(field)) return DEFAULT_SETTINGS.outboundTrafficPolicy;
  // As in a Sidecar, an empty policy is the zero value of the enumeration.
  return oneOf(child(field, 'mode'), ['REGISTRY_ONLY', 'ALLOW_ANY'] as const) ?? 'REGISTRY_ONLY';
}

function readAccessLog(top: Field): AccessLog {
  const path = text(child(top, 'accessLogFile')) ?? '';
  const encoding = oneOf(child(top, 'accessLogEncoding'), ['TEXT', 'JSON'] as const) ?? 'TEXT';
  const formatField = child(top, 'accessLogFormat');
  const format = text(formatField) ?? '';
  if (encoding === 'JSON' && format !== '' && !isJsonObject(format)) {
    error(formatField, `${show(format)}: accessLogEncoding JSON needs a JSON object`);
  }
  return path === '' ? { kind: 'off' } : { kind: 'file', path, encoding, format };
}

function isJsonObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Zipkin's address is where a ProxyConfig has it, in `defaultConfig`; `enableTracing: false` overrules it. */
function readTracing(top: Field): MeshTracing {
  const enabled = truth(child(top, 'enableTracing')) ?? true;
  const tracing = descend(top, 'defaultConfig', 'tracing');
  const old = descend(top, 'defaultConfig', 'zipkinAddress');
  const field = [descend(tracing, 'zipkin', 'address'), old].find(isGiven);
  const address = field === undefined ? '' : (text(field) ?? '');
  const sampling = readSampling(child(tracing, 'sampling'));
  if (!enabled || field === undefined || address === '') return { kind: 'off' };
  const target = splitHostPort(address.includes(':') ? address : `${address}:${ZIPKIN_PORT}`);
  if (target !== undefined) return { kind: 'zipkin', ...target, sampling };
  error(field, `"${address}": expected host:port`);
  return { kind: 'off' };
}

function readSampling(field: Field): number {
  const { value } = field;
  if (!isGiven(field)) return DEFAULT_SAMPLING;
  if (typeof value === 'number' && value >= 0 && value <= 100) return value;
  error(field, `expected a percentage from 0 to 100, got ${show(value)}`);
  return DEFAULT_SAMPLING;
}

function readDuration(field: Field): Millis | undefined {
  const written = text(field);
  if (written === undefined) return undefined;
  const duration = parseGoDuration(written);
  if (duration !== undefined && duration > 0) return duration;
  error(field, `"${written}": expected a duration above zero, such as 10s or 100ms`);
  return undefined;
}

/** Zero is what protobuf has where nothing is set. */
function readOptionalPort(field: Field): number | undefined {
  const number = wholeNumber(field, true);
  if (number === undefined || number === 0) return undefined;
  if (number <= MAX_PORT) return number;
  error(field, `expected a port from 1 to ${MAX_PORT}, got "${number}"`);
  return undefined;
}
