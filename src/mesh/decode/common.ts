/** What the fields of several kinds have in common. */
import type { Origin } from '../model/origin.ts';
import { PROTOCOL_NAMES, type Protocol, parseProtocol } from '../model/protocol.ts';
import {
  child,
  descend,
  error,
  type Field,
  isGiven,
  originOf,
  text,
  textMap,
  warning,
  wholeNumber,
} from './field.ts';
import { isLabel } from './names.ts';

export const DEFAULT_NAMESPACE = 'default';
export const MAX_PORT = 65_535;

export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly created: string;
  /** Of the resource as a whole. */
  readonly origin: Origin;
}

/** Reads `metadata`. Reports a missing name, for nothing can refer to what has none. */
export function readMetadata(top: Field): Metadata {
  const metadata = child(top, 'metadata');
  const name = text(child(metadata, 'name')) ?? '';
  if (name === '') error(isGiven(metadata) ? child(metadata, 'name') : top, 'a name is required');
  return {
    name,
    namespace: text(child(metadata, 'namespace')) || DEFAULT_NAMESPACE,
    labels: textMap(child(metadata, 'labels')),
    annotations: textMap(child(metadata, 'annotations')),
    created: text(child(metadata, 'creationTimestamp')) ?? '',
    origin: originOf(descend(top, 'metadata', 'name')),
  };
}

/** A port from 1 to 65535; reports any other, and a missing one. */
export function readPort(field: Field, quoted: boolean): number | undefined {
  if (!isGiven(field)) {
    error(field, 'a port is required');
    return undefined;
  }
  const number = wholeNumber(field, quoted);
  if (number === undefined || (number >= 1 && number <= MAX_PORT)) return number;
  error(field, `expected a port from 1 to ${MAX_PORT}, got "${number}"`);
  return undefined;
}

/** Checks `exportTo`: `.`, `*`, `~` or namespaces. */
export function checkExportTo(field: Field, values: readonly string[]): readonly string[] {
  for (const value of values) {
    if (!['*', '.', '~'].includes(value) && !isLabel(value)) {
      error(field, `"${value}": expected ".", "*", "~" or the name of a namespace`);
    }
  }
  if (values.length > 1 && values.includes('*')) {
    warning(field, '"*" means every namespace; the others beside it change nothing');
  }
  return values;
}

/** The `protocol` of a port of a ServiceEntry or a Sidecar; reports what is none. */
export function readProtocol(field: Field): Protocol {
  const written = text(field) ?? '';
  const protocol = parseProtocol(written);
  if (protocol === undefined) {
    error(field, `"${written}": expected one of ${PROTOCOL_NAMES.join(', ')}, or nothing for detection`);
  }
  return protocol ?? 'auto';
}
