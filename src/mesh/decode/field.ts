/** Reading fields of a parsed document: each knows its path, so that whatever is wrong is reported with field and line. */
import type { Finding } from '../model/finding.ts';
import type { Origin } from '../model/origin.ts';
import type { Document, Path } from '../read/document.ts';

/** A resource while it is read. */
export interface Scope {
  readonly file: string;
  readonly document: Document;
  /** `Sidecar prod-us1/default`. */
  readonly resource: string;
  readonly findings: Finding[];
}

export interface Field {
  readonly scope: Scope;
  readonly value: unknown;
  readonly parent: Field | undefined;
  /** Its name in the parent, or its index. */
  readonly key: string | number;
  /** Where its own path in messages begins: the top of a resource, which may be an item of a `List`. */
  readonly top: boolean;
}

export function topField(scope: Scope, value: unknown, at?: Field): Field {
  return { scope, value, parent: at?.parent, key: at?.key ?? '', top: true };
}

export function child(field: Field, name: string): Field {
  return { scope: field.scope, value: fieldOf(field.value, name), parent: field, key: name, top: false };
}

/** A field of a field of a field. */
export function descend(field: Field, ...names: readonly string[]): Field {
  return names.reduce(child, field);
}

/** Null counts as not given, as in Kubernetes. */
export function isGiven(field: Field): boolean {
  return field.value !== undefined && field.value !== null;
}

export function originOf(field: Field): Origin {
  const { file, document } = field.scope;
  return { file, document: document.document, line: document.lineOf(linePath(field)) };
}

export function error(field: Field, message: string): void {
  report(field, 'error', message);
}

export function warning(field: Field, message: string): void {
  report(field, 'warning', message);
}

/** The fields of an object; reports what is none. */
export function entries(field: Field): readonly Field[] {
  return isGiven(field) && isObject(field)
    ? Object.keys(Object(field.value)).map((name) => child(field, name))
    : [];
}

/** The items of a list; reports what is none. */
export function items(field: Field): readonly Field[] {
  if (!isGiven(field)) return [];
  if (!Array.isArray(field.value)) {
    error(field, `expected a list, got ${show(field.value)}`);
    return [];
  }
  return field.value.map((value: unknown, key) => ({
    scope: field.scope,
    value,
    parent: field,
    key,
    top: false,
  }));
}

/** Reports what is neither an object nor absent. */
export function isObject(field: Field): boolean {
  const { value } = field;
  if (!isGiven(field)) return false;
  if (typeof value === 'object' && !Array.isArray(value)) return true;
  error(field, `expected an object with fields, got ${show(value)}`);
  return false;
}

/** Text; undefined when it is not given or, reported, none. */
export function text(field: Field): string | undefined {
  if (!isGiven(field)) return undefined;
  if (typeof field.value === 'string') return field.value;
  error(field, `expected text, got ${show(field.value)}; put it in quotes`);
  return undefined;
}

/** Text that has to be there. */
export function requiredText(field: Field, what: string): string | undefined {
  const value = text(field);
  if (value === '' || !isGiven(field)) error(field, `${what} is required`);
  return value === '' ? undefined : value;
}

export function texts(field: Field): readonly string[] {
  return items(field).flatMap((item) => text(item) ?? []);
}

/** Labels, annotations: text by name. */
export function textMap(field: Field): Readonly<Record<string, string>> {
  return Object.fromEntries(
    entries(field).flatMap((entry) => {
      const value = isGiven(entry) ? text(entry) : '';
      return value === undefined ? [] : [[String(entry.key), value]];
    }),
  );
}

/**
 * A whole number of 32 bits.
 * @param quoted whether digits in quotes are fine: they are in Istio's resources, which are protobuf, and not in Kubernetes'
 */
export function wholeNumber(field: Field, quoted: boolean): number | undefined {
  const { value } = field;
  if (!isGiven(field)) return undefined;
  const number = quoted && typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number < 2 ** 32)
    return number;
  error(field, `expected a whole number, got ${show(value)}`);
  return undefined;
}

export function truth(field: Field): boolean | undefined {
  if (!isGiven(field)) return undefined;
  if (typeof field.value === 'boolean') return field.value;
  error(field, `expected true or false, got ${show(field.value)}`);
  return undefined;
}

/** One of some names. Istio's resources are protobuf, where the number of a name (its index here) is as good. */
export function oneOf<T extends string>(field: Field, names: readonly T[]): T | undefined {
  const { value } = field;
  if (!isGiven(field)) return undefined;
  const found = names.find((name, i) => value === name || value === i);
  if (found === undefined) error(field, `expected one of ${names.join(', ')}, got ${show(value)}`);
  return found;
}

/** Warns of each field that is not among those that are read or mean nothing to a sidecar. */
export function warnOfOthers(field: Field, known: ReadonlySet<string>): void {
  const { value } = field;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const name in value) {
    if (known.has(name)) continue;
    const other = child(field, name);
    if (isGiven(other)) warning(other, 'is not supported, ignored');
  }
}

const MAX_SHOWN = 80;

/** A value as messages show it. */
export function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const shown = String(value);
  return JSON.stringify(shown.length <= MAX_SHOWN ? shown : `${shown.slice(0, MAX_SHOWN)}...`);
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}

function report(field: Field, severity: Finding['severity'], message: string): void {
  const { resource, findings } = field.scope;
  findings.push({ severity, origin: originOf(field), resource, field: describePath(field), message });
}

/** `spec.egress[1].hosts[0]`. */
function describePath(field: Field): string {
  if (field.top || field.parent === undefined) return '';
  const before = describePath(field.parent);
  if (typeof field.key === 'number') return `${before}[${field.key}]`;
  const name = /^[\w-]+$/.test(field.key) ? field.key : JSON.stringify(field.key);
  return before === '' ? name : `${before}.${name}`;
}

function linePath(field: Field): Path {
  const path: (string | number)[] = [];
  for (let at: Field | undefined = field; at?.parent !== undefined; at = at.parent) path.unshift(at.key);
  return path;
}
