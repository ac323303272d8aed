import { isTls, protocolClass } from '../model/protocol.ts';
import type { Endpoint, Resolution, ServicePort } from '../model/service.ts';
import { checkExportTo, type Metadata, readPort, readProtocol } from './common.ts';
import {
  child,
  error,
  type Field,
  isGiven,
  isObject,
  items,
  oneOf,
  originOf,
  requiredText,
  text,
  textMap,
  texts,
  warning,
  warnOfOthers,
} from './field.ts';
import { asIpOrRange, hostnameProblem, isLabel, UNIX, wildcardProblem } from './names.ts';
import type { ServiceEntry } from './records.ts';
import { readInstance } from './workload-entry.ts';

const KNOWN = new Set([
  ...['hosts', 'addresses', 'ports', 'location', 'resolution', 'endpoints', 'workloadSelector', 'exportTo'],
]);
const KNOWN_OF_PORT = new Set(['number', 'protocol', 'name', 'targetPort']);
const RESOLUTIONS = ['NONE', 'STATIC', 'DNS', 'DNS_ROUND_ROBIN'] as const;

/** Istio's `ServiceEntry`, checked by the rules of injection-iptables-sidecar.md D.6. */
export function decodeServiceEntry(top: Field, metadata: Metadata): ServiceEntry | undefined {
  const spec = child(top, 'spec');
  if (!isObject(spec)) {
    if (!isGiven(spec)) error(spec, 'is required');
    return undefined;
  }
  warnOfOthers(spec, KNOWN);
  const { name, namespace, created, origin } = metadata;
  const resolution = readResolution(child(spec, 'resolution'));
  const ports = readPorts(child(spec, 'ports'));
  const location = oneOf(child(spec, 'location'), ['MESH_EXTERNAL', 'MESH_INTERNAL'] as const);
  const exportTo = child(spec, 'exportTo');
  const selector = child(spec, 'workloadSelector');
  const entry: ServiceEntry = {
    name,
    namespace,
    created,
    origin,
    hosts: readHosts(child(spec, 'hosts')),
    addresses: readAddresses(child(spec, 'addresses'), resolution),
    ports,
    resolution,
    external: location !== 'MESH_INTERNAL',
    exportTo:
      isGiven(exportTo) && texts(exportTo).length > 0 ? checkExportTo(exportTo, texts(exportTo)) : undefined,
    endpoints: readEndpoints(child(spec, 'endpoints'), namespace, resolution, ports),
    selector: isObject(selector) ? textMap(child(selector, 'labels')) : undefined,
  };
  checkTogether(spec, entry);
  return entry;
}

function readResolution(field: Field): Resolution {
  const written = oneOf(field, RESOLUTIONS) ?? 'NONE';
  if (written === 'DNS_ROUND_ROBIN') warning(field, 'DNS_ROUND_ROBIN is not supported, taken as DNS');
  return written === 'NONE' ? 'none' : written === 'STATIC' ? 'static' : 'dns';
}

function readHosts(field: Field): readonly string[] {
  const hosts = items(field).flatMap((each) => {
    const host = text(each);
    if (host === undefined) return [];
    const problem = host === '*' ? 'it would be every host: name a domain' : wildcardProblem(host);
    if (problem !== undefined) error(each, `"${host}": ${problem}`);
    return host.toLowerCase();
  });
  if (items(field).length === 0) error(field, 'at least one host is required');
  return [...new Set(hosts)];
}

function readAddresses(field: Field, resolution: Resolution): readonly string[] {
  return items(field).flatMap((each) => {
    const written = text(each);
    if (written === undefined) return [];
    const address = asIpOrRange(written);
    if (address === undefined)
      error(each, `"${written}": expected an IP address or a range such as 10.0.0.0/8`);
    else if (resolution === 'dns' && address.includes('/')) {
      error(each, `"${written}": a range goes with resolution NONE or STATIC only`);
    }
    return address ?? [];
  });
}

function readPorts(field: Field): readonly ServicePort[] {
  const list = items(field);
  if (list.length === 0) error(field, 'at least one port is required');
  const names = new Set<string>();
  const numbers = new Set<number>();
  return list.flatMap((each) => {
    warnOfOthers(each, KNOWN_OF_PORT);
    const nameField = child(each, 'name');
    const name = requiredText(nameField, 'a name') ?? '';
    if (name !== '' && !isLabel(name)) {
      error(nameField, `"${name}": write 1 to 63 letters, digits and inner dashes`);
    }
    if (name !== '' && names.has(name)) error(nameField, `"${name}": another port has this name`);
    names.add(name);
    const number = readPort(child(each, 'number'), true);
    if (number === undefined) return [];
    if (numbers.has(number)) error(child(each, 'number'), `"${number}": is listed twice`);
    numbers.add(number);
    const target = child(each, 'targetPort');
    return {
      name,
      number,
      protocol: readProtocol(child(each, 'protocol')),
      targetPort: (isGiven(target) && target.value !== 0 ? readPort(target, true) : undefined) ?? number,
      origin: originOf(each),
    };
  });
}

function readEndpoints(
  field: Field,
  namespace: string,
  resolution: Resolution,
  ports: readonly ServicePort[],
): readonly Endpoint[] {
  const list = items(field);
  if (resolution === 'none' && list.length > 0) {
    error(
      field,
      'resolution NONE goes to the address that was asked for: remove the endpoints, or write STATIC or DNS',
    );
  }
  return list.flatMap((each) => {
    const { address, ports: own, labels, locality, weight, serviceAccount } = readInstance(each);
    for (const name of Object.keys(own)) {
      if (!ports.some((port) => port.name === name)) {
        error(child(child(each, 'ports'), name), `the service has no port of the name "${name}"`);
      }
    }
    if (address === undefined) return [];
    const where = child(each, 'address');
    if (address.kind === 'unix' && ports.length !== 1) {
      error(where, `a Unix socket serves one port, the service has ${ports.length}`);
    }
    if (address.kind === 'unix' && resolution === 'dns') {
      error(where, `"${address.text}": resolution DNS needs names or IP addresses`);
    }
    if (address.kind === 'host' && resolution === 'static') {
      error(where, `"${address.text}": resolution STATIC needs IP addresses; write DNS for names`);
    }
    const unix = address.kind === 'unix';
    return {
      kind: address.kind,
      address: unix ? address.text.slice(UNIX.length) : address.text,
      ports: endpointPorts(ports, unix ? undefined : own),
      namespace,
      labels,
      workload: '',
      serviceAccount,
      locality,
      weight,
      origin: originOf(each),
    };
  });
}

/** The service's ports on an instance: as it says itself, else the target port. `own` undefined: it has no ports at all. */
export function endpointPorts(
  ports: readonly ServicePort[],
  own: Readonly<Record<string, number>> | undefined,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    ports.map(({ name, number, targetPort }) => [
      name,
      own === undefined ? 0 : (own[name] ?? (typeof targetPort === 'number' ? targetPort : number)),
    ]),
  );
}

/** Rules over several fields. */
function checkTogether(
  spec: Field,
  { hosts, addresses, ports, resolution, endpoints, selector }: ServiceEntry,
): void {
  if (selector !== undefined && endpoints.length > 0) {
    error(child(spec, 'workloadSelector'), 'endpoints are listed too: remove one of the two');
  }
  if (resolution === 'dns' && endpoints.length === 0 && selector === undefined) {
    for (const host of hosts) {
      const problem = hostnameProblem(host);
      if (problem !== undefined) {
        error(child(spec, 'hosts'), `"${host}": resolution DNS needs endpoints, or hosts without "*"`);
      }
    }
  }
  if (resolution === 'static' && endpoints.length === 0 && selector === undefined) {
    warning(spec, 'resolution STATIC without endpoints: nothing will answer');
  }
  const tellsHosts = (port: ServicePort) => protocolClass(port.protocol) === 'http' || isTls(port.protocol);
  if (hosts.length > 1 && resolution !== 'none' && addresses.length === 0 && !ports.every(tellsHosts)) {
    error(
      child(spec, 'hosts'),
      'several hosts without addresses need ports of HTTP or TLS, for nothing else tells them apart: write an entry for each',
    );
  }
}
