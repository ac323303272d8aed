/** For each setting: who may say something, who wins, and what that means as a value. */
import { toError } from '../platform/errors.ts';
import { normalizeIp } from './addresses.ts';
import type { GivenFlag } from './argv.ts';
import { expandHostIp, expandVariables, HOST_IP } from './expand.ts';
import { shorten } from './findings.ts';
import { parseFormat } from './formats.ts';
import { DEFAULT, describeOrigin, type Origin } from './origin.ts';
import { toText } from './proxy-config.ts';
import { createStore, type Key, readStore, SCHEMA, SETTINGS, type Values } from './schema.ts';
import type { Setting } from './settings/setting.ts';

export interface Sources {
  readonly flags: ReadonlyMap<Key, GivenFlag>;
  readonly annotations: ReadonlyMap<string, string>;
  readonly fields: ReadonlyMap<string, { readonly value: unknown; readonly origin: Origin }>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Entries of proxyMetadata, which count as variables that are not set. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface Resolved {
  readonly values: Values;
  readonly origins: ReadonlyMap<Key, Origin>;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

interface Candidate {
  readonly text: string;
  readonly origin: Origin;
  /** How messages name it, without the value: `--drainDuration`, `drainDuration (PROXY_CONFIG)`. */
  readonly name: string;
  /** Whether a value that cannot be used costs only a warning. */
  readonly lenient: boolean;
  readonly as?: Setting['format'] | undefined;
}

/** Decides every setting. Never throws for what somebody wrote: all of that comes back as problems and warnings. */
export function resolve(sources: Sources): Resolved {
  const store = createStore();
  const hostIp = normalizeIp(readVariable('HOST_IP', sources)?.text ?? '');
  const origins = new Map<Key, Origin>();
  const problems: string[] = [];
  const warnings: string[] = [];
  for (const [key, setting] of SETTINGS) {
    origins.set(key, DEFAULT);
    for (const candidate of candidates(key, setting, sources)) {
      const address = setting.format === 'address';
      const text = address ? expandHostIp(candidate.text, hostIp) : candidate.text;
      try {
        if (address && text.includes(HOST_IP)) {
          throw new Error('HOST_IP is not set in the environment: set it, or write an address');
        }
        const value = parseFormat(candidate.as ?? setting.format, text);
        if (value === null && setting.nullable !== true) throw new Error('must be set');
        store.set(key, value);
        origins.set(key, candidate.origin);
        if (setting.unsupported !== undefined && text !== '') {
          warnings.push(`${candidate.name}: ${setting.unsupported}`);
        }
        break;
      } catch (error) {
        const message = `${candidate.name} "${setting.sensitive ? '***' : shorten(text)}": ${toError(error).message}`;
        if (!candidate.lenient) {
          problems.push(message);
          break;
        }
        warnings.push(`${message}; ignored`);
      }
    }
  }
  return { values: readStore(store), origins, problems, warnings };
}

/** How messages name a setting: by what set it, or by what could. */
export function nameSetting(key: Key, origin: Origin): string {
  const setting: Setting = SCHEMA[key];
  if (origin.kind === 'flag') return origin.flag;
  if (origin.kind === 'variable') return origin.name;
  if (origin.kind === 'annotation' && origin.name === setting.annotation) return describeOrigin(origin);
  if (origin.kind !== 'default' && setting.field !== undefined) {
    return `${setting.field} (${describeOrigin(origin)})`;
  }
  return setting.flag === undefined ? (setting.variable ?? setting.field ?? key) : `--${setting.flag}`;
}

/** What was said about a setting, strongest first. */
function candidates(key: Key, setting: Setting, sources: Sources): Candidate[] {
  const found: Candidate[] = [];
  const flag = sources.flags.get(key);
  if (flag !== undefined) {
    const env = setting.format === 'address' ? { ...sources.env, HOST_IP: undefined } : sources.env;
    const origin: Origin = { kind: 'flag', flag: flag.flag };
    found.push({ text: expandVariables(flag.text, env), origin, name: flag.flag, lenient: false });
  }
  const annotation =
    setting.annotation === undefined ? undefined : sources.annotations.get(setting.annotation);
  if (annotation !== undefined && setting.annotation !== undefined) {
    const origin: Origin = { kind: 'annotation', name: setting.annotation };
    const lenient = setting.annotationLenient === true;
    found.push({ text: annotation.trim(), origin, name: describeOrigin(origin), lenient });
  }
  const field = setting.field === undefined ? undefined : sources.fields.get(setting.field);
  const text = toText(field?.value);
  if (field !== undefined && text !== undefined) {
    const name = `${setting.field} (${describeOrigin(field.origin)})`;
    found.push({ text, origin: field.origin, name, lenient: false });
  }
  const variable = setting.variable === undefined ? undefined : readVariable(setting.variable, sources);
  if (variable !== undefined) {
    found.push({ ...variable, lenient: setting.variableStrict !== true, as: setting.variableFormat });
  }
  return found;
}

/** A variable that is set but empty counts as not set: that is what an empty line in an env file means. */
function readVariable(name: string, { env, metadata }: Sources): Omit<Candidate, 'lenient'> | undefined {
  const text = env[name];
  if (text !== undefined && text !== '') return { text, origin: { kind: 'variable', name }, name };
  const entry = metadata.get(name);
  if (text !== undefined || entry === undefined || entry === '') return undefined;
  return { text: entry, origin: { kind: 'proxy-metadata', name }, name: `proxyMetadata ${name}` };
}
