import type { WorkloadPort } from '../model/workload.ts';
import { DEFAULT_NAMESPACE, type Metadata, readPort } from './common.ts';
import { child, descend, error, type Field, isGiven, items, text, warning } from './field.ts';
import { asIp } from './names.ts';
import type { WorkloadRecord } from './records.ts';

/** A service account that nobody chose. */
const DEFAULT_ACCOUNT = DEFAULT_NAMESPACE;

/**
 * A Kubernetes `Pod` (v1): its labels, addresses, ports and service account. What else is in it is for kubelet, and not
 * warned of.
 */
export function decodePod(
  top: Field,
  { name, namespace, labels, created, origin }: Metadata,
): WorkloadRecord {
  const spec = child(top, 'spec');
  const status = child(top, 'status');
  const phase = text(child(status, 'phase'));
  const condition = items(child(status, 'conditions')).find((each) => child(each, 'type').value === 'Ready');
  const addresses = readAddresses(status);
  const none = !child(status, 'podIP').value && !isGiven(child(status, 'podIPs'));
  if (none && (phase === undefined || phase === 'Running')) {
    warning(child(status, 'podIP'), 'there is no address: it is the endpoint of nothing');
  }
  const notReady = condition !== undefined && child(condition, 'status').value === 'False';
  return {
    workload: {
      kind: 'pod',
      name,
      namespace,
      addresses,
      labels,
      ports: items(child(spec, 'containers')).flatMap(readPorts),
      serviceAccount: text(child(spec, 'serviceAccountName')) ?? DEFAULT_ACCOUNT,
      locality: '',
      weight: 1,
      origin,
    },
    created,
    ready: !notReady && phase !== 'Succeeded' && phase !== 'Failed',
  };
}

function readAddresses(status: Field): readonly string[] {
  const several = items(child(status, 'podIPs')).map((each) => child(each, 'ip'));
  const fields = [child(status, 'podIP'), ...several].filter(isGiven);
  const addresses = fields.flatMap((field) => {
    const written = text(field) ?? '';
    const ip = asIp(written);
    if (ip === undefined && written !== '') error(field, `"${written}": expected an IP address`);
    return ip ?? [];
  });
  return [...new Set(addresses)];
}

function readPorts(container: Field): readonly WorkloadPort[] {
  return items(child(container, 'ports')).flatMap((each) => {
    const number = readPort(child(each, 'containerPort'), false);
    return number === undefined ? [] : { name: text(descend(each, 'name')) ?? '', number };
  });
}
