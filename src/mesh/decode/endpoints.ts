import { type Metadata, readPort } from './common.ts';
import {
  child,
  descend,
  error,
  type Field,
  isGiven,
  items,
  oneOf,
  originOf,
  text,
  truth,
  warning,
  warnOfOthers,
} from './field.ts';
import { asIp, hostnameProblem } from './names.ts';
import type { EndpointAddress, EndpointSet } from './records.ts';

const SERVICE_NAME = 'kubernetes.io/service-name';
const KNOWN_OF_SUBSET = new Set(['addresses', 'notReadyAddresses', 'ports']);
const KNOWN_OF_ADDRESS = new Set(['ip', 'hostname', 'nodeName', 'targetRef']);
const KNOWN_OF_PORT = new Set(['name', 'port', 'protocol', 'appProtocol']);
const KNOWN_OF_ENDPOINT = new Set([
  ...['addresses', 'conditions', 'targetRef', 'zone', 'nodeName', 'hostname'],
  ...['deprecatedTopology', 'hints'],
]);

/** Kubernetes' `Endpoints` (v1): of the Service of the same name. */
export function decodeEndpoints(top: Field, { name, namespace, created, origin }: Metadata): EndpointSet {
  const addresses = items(child(top, 'subsets')).flatMap((subset) => {
    warnOfOthers(subset, KNOWN_OF_SUBSET);
    const ports = readPorts(child(subset, 'ports'));
    const read = (list: string, ready: boolean) =>
      items(child(subset, list)).flatMap((each): readonly EndpointAddress[] => {
        warnOfOthers(each, KNOWN_OF_ADDRESS);
        const field = child(each, 'ip');
        const address = readAddress(field, 'ip');
        if (address === undefined) return [];
        const pod = podOf(child(each, 'targetRef'), namespace);
        return [{ kind: 'ip', address, ready, ports, locality: '', pod, origin: originOf(each) }];
      });
    return [...read('addresses', true), ...read('notReadyAddresses', false)];
  });
  return { name, namespace, created, origin, service: name, addresses };
}

/** Kubernetes' `EndpointSlice` (discovery.k8s.io): of the Service that its label names. */
export function decodeEndpointSlice(top: Field, metadata: Metadata): EndpointSet | undefined {
  const { name, namespace, created, origin, labels } = metadata;
  const service = labels[SERVICE_NAME];
  if (service === undefined || service === '') {
    warning(
      descend(top, 'metadata', 'labels'),
      `the label ${SERVICE_NAME} is missing: it belongs to no service, ignored`,
    );
    return undefined;
  }
  const type = oneOf(child(top, 'addressType'), ['IPv4', 'IPv6', 'FQDN'] as const) ?? 'IPv4';
  const kind = type === 'FQDN' ? 'host' : 'ip';
  const ports = readPorts(child(top, 'ports'));
  const addresses = items(child(top, 'endpoints')).flatMap((each): readonly EndpointAddress[] => {
    warnOfOthers(each, KNOWN_OF_ENDPOINT);
    // Kubernetes: of several addresses only the first counts, and an unknown readiness is a good one.
    const ready = truth(descend(each, 'conditions', 'ready')) ?? true;
    const [first] = items(child(each, 'addresses'));
    if (first === undefined) error(child(each, 'addresses'), 'an address is required');
    const address = first === undefined ? undefined : readAddress(first, kind);
    if (address === undefined) return [];
    const zone = text(child(each, 'zone'));
    return [
      {
        kind,
        address,
        ready,
        ports,
        locality: zone === undefined || zone === '' ? '' : `/${zone}`,
        pod: podOf(child(each, 'targetRef'), namespace),
        origin: originOf(each),
      },
    ];
  });
  return { name, namespace, created, origin, service, addresses };
}

function readPorts(field: Field): Readonly<Record<string, number>> {
  return Object.fromEntries(
    items(field).flatMap((each) => {
      warnOfOthers(each, KNOWN_OF_PORT);
      const number = readPort(child(each, 'port'), false);
      const transport = text(child(each, 'protocol')) ?? 'TCP';
      return number === undefined || transport === 'SCTP' ? [] : [[text(child(each, 'name')) ?? '', number]];
    }),
  );
}

function readAddress(field: Field, kind: 'ip' | 'host'): string | undefined {
  if (!isGiven(field)) error(field, 'an address is required');
  const written = text(field);
  if (written === undefined) return undefined;
  const problem = kind === 'host' ? hostnameProblem(written) : undefined;
  const address = kind === 'host' ? written : asIp(written);
  if (address !== undefined && problem === undefined) return address;
  error(field, `"${written}": ${problem ?? 'expected an IP address'}`);
  return undefined;
}

function podOf(reference: Field, namespace: string): string {
  if (child(reference, 'kind').value !== 'Pod') return '';
  const name = text(child(reference, 'name')) ?? '';
  return name === '' ? '' : `${text(child(reference, 'namespace')) || namespace}/${name}`;
}
