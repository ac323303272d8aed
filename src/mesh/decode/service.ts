import type { Protocol } from '../model/protocol.ts';
import { kubernetesProtocol } from '../model/protocol.ts';
import type { ServicePort } from '../model/service.ts';
import { checkExportTo, type Metadata, readPort } from './common.ts';
import {
  child,
  descend,
  error,
  type Field,
  isGiven,
  isObject,
  items,
  oneOf,
  originOf,
  show,
  text,
  textMap,
  texts,
  truth,
  warning,
  warnOfOthers,
} from './field.ts';
import { asIp, hostnameProblem } from './names.ts';
import type { KubernetesService } from './records.ts';

const EXPORT_TO = 'networking.istio.io/exportTo';

/** What is read, and what means nothing between sidecars: how a service is reached from outside the cluster. */
const KNOWN = new Set([
  ...['clusterIP', 'clusterIPs', 'externalName', 'ports', 'publishNotReadyAddresses', 'selector'],
  ...['sessionAffinity', 'type', 'internalTrafficPolicy', 'allocateLoadBalancerNodePorts', 'externalIPs'],
  ...['externalTrafficPolicy', 'healthCheckNodePort', 'ipFamilies', 'ipFamilyPolicy', 'loadBalancerClass'],
  ...['loadBalancerIP', 'loadBalancerSourceRanges'],
]);
const KNOWN_OF_PORT = new Set(['name', 'port', 'protocol', 'targetPort', 'appProtocol', 'nodePort']);
const TYPES = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;

/** A Kubernetes `Service` (v1). */
export function decodeService(top: Field, metadata: Metadata): KubernetesService | undefined {
  const spec = child(top, 'spec');
  if (!isObject(spec)) {
    if (!isGiven(spec)) error(spec, 'is required');
    return undefined;
  }
  warnOfOthers(spec, KNOWN);
  warnOfValue(child(spec, 'sessionAffinity'), 'None');
  warnOfValue(child(spec, 'internalTrafficPolicy'), 'Cluster');
  const external = oneOf(child(spec, 'type'), TYPES) === 'ExternalName';
  const { addresses, headless } = readAddresses(spec);
  const selector = child(spec, 'selector');
  const annotation = descend(top, 'metadata', 'annotations', EXPORT_TO);
  const exported = metadata.annotations[EXPORT_TO];
  const { name, namespace, created, origin } = metadata;
  return {
    name,
    namespace,
    created,
    origin,
    addresses: external ? [] : addresses,
    headless: headless && !external,
    externalName: external ? readExternalName(child(spec, 'externalName')) : undefined,
    selector: isGiven(selector) ? nonEmpty(textMap(selector)) : undefined,
    ports: readPorts(child(spec, 'ports'), external || headless),
    exportTo:
      exported === undefined
        ? undefined
        : checkExportTo(
            annotation,
            exported.split(',').map((part) => part.trim()),
          ),
    publishNotReady: truth(child(spec, 'publishNotReadyAddresses')) ?? false,
  };
}

/** An empty selector is none: Kubernetes selects nothing by it. */
function nonEmpty(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> | undefined {
  return Object.keys(labels).length === 0 ? undefined : labels;
}

function warnOfValue(field: Field, harmless: string): void {
  if (isGiven(field) && field.value !== harmless) {
    warning(field, `${show(field.value)} is not supported, taken as ${harmless}`);
  }
}

function readAddresses(spec: Field): { readonly addresses: readonly string[]; readonly headless: boolean } {
  const one = child(spec, 'clusterIP');
  const all = child(spec, 'clusterIPs');
  const written = isGiven(all) ? texts(all) : [text(one) ?? ''];
  if (written[0] === 'None') return { addresses: [], headless: true };
  const addresses = written.flatMap((address) => {
    const ip = asIp(address);
    if (ip === undefined && address !== '') {
      error(isGiven(all) ? all : one, `"${address}": expected an IP address or "None"`);
    }
    return ip ?? [];
  });
  return { addresses, headless: false };
}

function readExternalName(field: Field): string | undefined {
  const name = text(field);
  if (name === undefined || name === '') {
    error(field, 'a DNS name is required for a service of type ExternalName');
    return undefined;
  }
  const problem = asIp(name) === undefined ? hostnameProblem(name) : undefined;
  if (problem !== undefined) error(field, `"${name}": ${problem}`);
  return name;
}

function readPorts(field: Field, mayBeEmpty: boolean): readonly ServicePort[] {
  const list = items(field);
  if (list.length === 0 && !mayBeEmpty) error(field, 'at least one port is required');
  const names = new Set<string>();
  const numbers = new Set<string>();
  return list.flatMap((each) => {
    warnOfOthers(each, KNOWN_OF_PORT);
    const name = text(child(each, 'name')) ?? '';
    if (name === '' && list.length > 1) error(each, 'a name is required where there are several ports');
    else if (names.has(name)) error(child(each, 'name'), `"${name}": another port has this name`);
    names.add(name);
    const number = readPort(child(each, 'port'), false);
    const transport = text(child(each, 'protocol')) ?? 'TCP';
    if (number === undefined) return [];
    if (numbers.has(`${transport} ${number}`)) error(child(each, 'port'), `"${number}": is listed twice`);
    numbers.add(`${transport} ${number}`);
    if (transport !== 'TCP' && transport !== 'UDP') {
      warning(child(each, 'protocol'), `"${transport}": Envoy does not carry it here, the port is left out`);
      return [];
    }
    const appProtocol = text(child(each, 'appProtocol'));
    const protocol: Protocol = kubernetesProtocol({ number, name, transport, appProtocol });
    return {
      name,
      number,
      protocol,
      targetPort: readTarget(child(each, 'targetPort')) ?? number,
      origin: originOf(each),
    };
  });
}

function readTarget(field: Field): number | string | undefined {
  if (typeof field.value !== 'string') return isGiven(field) ? readPort(field, false) : undefined;
  return /^\d+$/.test(field.value) ? readPort(field, true) : field.value;
}
