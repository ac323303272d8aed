import { factsOf, ofFamily, proxyOwners } from './family.ts';
import type { Family, Interception } from './options.ts';
import { COMMENT, createRuleList, type Rule, type RuleList } from './rule.ts';

/**
 * The rules of Istio 1.5.1 for one family, in its order. IPv6 gets what IPv4 gets: the original knows neither TPROXY nor
 * interfaces of virtual machines there.
 */
export function rules1_5(options: Interception, family: Family): readonly Rule[] {
  const list = createRuleList();
  const { outboundPort, inboundPort, inboundPorts } = options;
  list.append(
    'nat',
    'ISTIO_REDIRECT',
    `-p tcp -j REDIRECT --to-port ${outboundPort}`,
    "to Envoy's outbound listener",
  );
  const inbound = inboundPorts === '*' ? inboundPort : outboundPort;
  list.append(
    'nat',
    'ISTIO_IN_REDIRECT',
    `-p tcp -j REDIRECT --to-port ${inbound}`,
    "to Envoy's inbound listener",
  );
  addInbound(list, options, family);
  addOutbound(list, options, family);
  return list.rules;
}

function addInbound(list: RuleList, options: Interception, family: Family): void {
  const { inboundPorts, inboundExcludedPorts, mode, mark, outboundPort } = options;
  if (inboundPorts.length === 0) return;
  const table = mode === 'TPROXY' ? 'mangle' : 'nat';
  const { loopback } = factsOf(family);
  if (mode === 'TPROXY') {
    list.append(
      table,
      'ISTIO_DIVERT',
      `-j MARK --set-mark ${mark}`,
      `marked, so that its route is table ${options.routeTable}: this machine`,
    );
    list.append(table, 'ISTIO_DIVERT', '-j ACCEPT', 'no further rule of this table is asked');
    list.append(
      table,
      'ISTIO_TPROXY',
      `! -d ${loopback} -p tcp -j TPROXY --tproxy-mark ${mark}/0xffffffff --on-port ${outboundPort}`,
      `to Envoy's port ${outboundPort}, with the addresses of client and pod kept`,
    );
  }
  list.append(table, 'PREROUTING', '-p tcp -j ISTIO_INBOUND', 'every TCP connection that comes to the pod');
  const take = (port: string, what: string) => {
    if (mode === 'REDIRECT')
      return list.append(table, 'ISTIO_INBOUND', `-p tcp${port} -j ISTIO_IN_REDIRECT`, what);
    list.append(
      table,
      'ISTIO_INBOUND',
      `-p tcp${port} -m socket -j ISTIO_DIVERT`,
      'a connection that Envoy has already',
    );
    list.append(table, 'ISTIO_INBOUND', `-p tcp${port} -j ISTIO_TPROXY`, what);
  };
  if (inboundPorts !== '*') {
    for (const port of inboundPorts) take(` --dport ${port}`, `port ${port} is taken (-b)`);
    return;
  }
  list.append(table, 'ISTIO_INBOUND', '-p tcp --dport 22 -j RETURN', 'ssh is left alone, always');
  for (const port of inboundExcludedPorts) {
    list.append(
      table,
      'ISTIO_INBOUND',
      `-p tcp --dport ${port} -j RETURN`,
      `port ${port} is left alone (-d)`,
    );
  }
  take('', 'every other port is taken (-b "*")');
}

function addOutbound(list: RuleList, options: Interception, family: Family): void {
  const { loopback, passthrough } = factsOf(family);
  const output = (spec: string, why: string) => list.append('nat', 'ISTIO_OUTPUT', spec, why);
  list.append('nat', 'OUTPUT', '-p tcp -j ISTIO_OUTPUT', 'every TCP connection that starts in the pod');
  for (const port of options.outboundExcludedPorts) {
    output(`-p tcp --dport ${port} -j RETURN`, `port ${port} is left alone (-o)`);
  }
  output(`-o lo -s ${passthrough} -j RETURN`, 'Envoy hands a request to its own application');
  for (const { flag, id } of proxyOwners(options)) {
    const owner = `--${flag}-owner ${id}`;
    output(
      `-o lo ! -d ${loopback} -m owner ${owner} -j ISTIO_IN_REDIRECT`,
      'Envoy calls its own pod: in again by the inbound listener',
    );
    output(`-o lo -m owner ! ${owner} -j RETURN`, 'the application calls its own pod: direct');
    output(
      `-m owner ${owner} -j RETURN`,
      "Envoy's own connections leave the pod: taken again, they would go in circles",
    );
  }
  output(`-d ${loopback} -j RETURN`, 'loopback is direct');
  const excluded = ofFamily(options.outboundExcludedCidrs, family);
  for (const cidr of excluded) output(`-d ${cidr} -j RETURN`, `${cidr} is left alone (-x)`);
  for (const name of options.kubeVirtInterfaces) {
    list.insert(
      'nat',
      'PREROUTING',
      1,
      `-i ${name} ${COMMENT} -j RETURN`,
      `from the virtual machine on ${name}, to what is not taken`,
    );
  }
  const taken = ofFamily(options.outboundCidrs, family);
  if (taken === '*') {
    output('-j ISTIO_REDIRECT', 'everything else is taken (-i "*")');
    for (const name of options.kubeVirtInterfaces) {
      list.insert(
        'nat',
        'PREROUTING',
        1,
        `-i ${name} -j ISTIO_REDIRECT`,
        `from the virtual machine on ${name}: outbound`,
      );
    }
    return;
  }
  for (const cidr of taken) {
    for (const name of options.kubeVirtInterfaces) {
      list.insert(
        'nat',
        'PREROUTING',
        1,
        `-i ${name} -d ${cidr} -j ISTIO_REDIRECT`,
        `from the virtual machine on ${name}: outbound`,
      );
    }
    output(`-d ${cidr} -j ISTIO_REDIRECT`, `${cidr} is taken (-i)`);
  }
  if (options.outboundCidrs.length > 0) output('-j RETURN', 'everything else is left alone');
}
