import type { Workload } from '../model/workload.ts';
import { type Metadata, readPort } from './common.ts';
import {
  child,
  entries,
  error,
  type Field,
  isGiven,
  isObject,
  text,
  textMap,
  warnOfOthers,
  wholeNumber,
} from './field.ts';
import { asIp, hostnameProblem, isLabel, UNIX, unixPathProblem } from './names.ts';
import type { WorkloadRecord } from './records.ts';

const KNOWN = new Set(['address', 'ports', 'labels', 'locality', 'weight', 'serviceAccount']);

/** Istio's `WorkloadEntry`. */
export function decodeWorkloadEntry(top: Field, metadata: Metadata): WorkloadRecord | undefined {
  const spec = child(top, 'spec');
  if (!isObject(spec)) {
    if (!isGiven(spec)) error(spec, 'is required');
    return undefined;
  }
  const { name, namespace, created, origin } = metadata;
  const instance = readInstance(spec);
  if (instance.address === undefined) return undefined;
  const ports = Object.entries(instance.ports).map(([port, number]) => ({ name: port, number }));
  const workload: Workload = {
    kind: 'workload-entry',
    name,
    namespace,
    addresses: [instance.address.text],
    labels: { ...instance.labels, ...metadata.labels },
    ports,
    serviceAccount: instance.serviceAccount,
    locality: instance.locality,
    weight: instance.weight,
    origin,
  };
  return { workload, created, ready: instance.weight > 0 };
}

/** A WorkloadEntry's `spec`, which is also what the `endpoints` of a ServiceEntry are. */
export interface Instance {
  readonly address: InstanceAddress | undefined;
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: string;
  readonly weight: number;
  readonly serviceAccount: string;
}

export interface InstanceAddress {
  readonly kind: 'ip' | 'host' | 'unix';
  /** An IP address in its one spelling, a name, or `unix://` and a path. */
  readonly text: string;
}

/** Reads an instance; reports what is wrong with it. */
export function readInstance(field: Field): Instance {
  warnOfOthers(field, KNOWN);
  const ports = child(field, 'ports');
  const address = readAddress(child(field, 'address'));
  if (address?.kind === 'unix' && entries(ports).length > 0) {
    error(ports, 'a Unix socket has no ports: remove them');
  }
  return {
    address,
    ports: Object.fromEntries(
      entries(ports).flatMap((each) => {
        if (!isLabel(String(each.key))) {
          error(each, `"${each.key}": the name of a port has 1 to 63 letters, digits and inner dashes`);
        }
        const number = readPort(each, true);
        return number === undefined ? [] : [[String(each.key), number]];
      }),
    ),
    labels: textMap(child(field, 'labels')),
    locality: text(child(field, 'locality')) ?? '',
    weight: wholeNumber(child(field, 'weight'), true) ?? 1,
    serviceAccount: text(child(field, 'serviceAccount')) ?? '',
  };
}

function readAddress(field: Field): InstanceAddress | undefined {
  const written = text(field);
  if (written === undefined || written === '') {
    if (!isGiven(field) || written === '')
      error(field, 'an address is required: an IP, a DNS name, or unix:///path');
    return undefined;
  }
  const ip = asIp(written);
  if (ip !== undefined) return { kind: 'ip', text: ip };
  const unix = written.startsWith(UNIX);
  const problem = unix ? unixPathProblem(written.slice(UNIX.length)) : hostnameProblem(written);
  if (problem !== undefined) error(field, `"${written}": ${problem}`);
  return problem === undefined ? { kind: unix ? 'unix' : 'host', text: written } : undefined;
}
