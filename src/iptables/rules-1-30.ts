import { type FamilyFacts, factsOf, ofFamily, proxyOwners } from './family.ts';
import { LOOPED_MARK } from './marks.ts';
import type { Family, Interception } from './options.ts';
import { COMMENT, createRuleList, type Rule, type RuleList } from './rule.ts';

/** Where the agent answers DNS. */
const DNS_PORT = 15053;

interface Scene {
  readonly list: RuleList;
  readonly options: Interception;
  readonly family: Family;
  readonly facts: FamilyFacts;
}

/** The rules of Istio 1.30 for one family, in its order. */
export function rules1_30(options: Interception, family: Family): readonly Rule[] {
  const list = createRuleList();
  const scene = { list, options, family, facts: factsOf(family, options.loopback.text) };
  const { tunnelPort, outboundPort, inboundPort } = options;
  addInterfaces(scene);
  if (options.dropInvalid) {
    list.append(
      'mangle',
      'PREROUTING',
      '-m conntrack --ctstate INVALID -j ISTIO_DROP',
      'packets of no known connection',
    );
    list.append('mangle', 'ISTIO_DROP', '-j DROP', 'dropped (--drop-invalid)');
  }
  list.append(
    'nat',
    'ISTIO_INBOUND',
    `-p tcp --dport ${tunnelPort} -j RETURN`,
    'tunnels (HBONE) are left alone, always',
  );
  list.append(
    'nat',
    'ISTIO_REDIRECT',
    `-p tcp -j REDIRECT --to-ports ${outboundPort}`,
    "to Envoy's outbound listener",
  );
  list.append(
    'nat',
    'ISTIO_IN_REDIRECT',
    `-p tcp -j REDIRECT --to-ports ${inboundPort}`,
    "to Envoy's inbound listener",
  );
  addInbound(scene);
  addProxy(scene);
  addOwnerGroups(scene);
  addDns(scene);
  addDestinations(scene);
  if (options.mode === 'TPROXY' && options.inboundPorts.length > 0) addMarks(scene);
  return list.rules;
}

function addInterfaces({ list, options }: Scene): void {
  for (const name of options.excludedInterfaces) {
    for (const table of options.mode === 'TPROXY' ? (['nat', 'mangle'] as const) : (['nat'] as const)) {
      list.append(
        table,
        'PREROUTING',
        `-i ${name} ${COMMENT} -j RETURN`,
        `what comes in by ${name} is left alone (-c)`,
      );
      list.append(
        table,
        'OUTPUT',
        `-o ${name} ${COMMENT} -j RETURN`,
        `what leaves by ${name} is left alone (-c)`,
      );
    }
  }
  for (const name of options.kubeVirtInterfaces) {
    list.insert(
      'nat',
      'PREROUTING',
      1,
      `-i ${name} ${COMMENT} -j RETURN`,
      `from the virtual machine on ${name}, to what is not taken`,
    );
  }
}

function addInbound({ list, options, facts }: Scene): void {
  const { inboundPorts, inboundExcludedPorts, mode, mark, inboundPort } = options;
  if (inboundPorts.length === 0) return;
  const table = mode === 'TPROXY' ? 'mangle' : 'nat';
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
      `! -d ${facts.loopback} -p tcp -j TPROXY --tproxy-mark ${mark}/0xffffffff --on-port ${inboundPort}`,
      `to Envoy's port ${inboundPort}, with the addresses of client and pod kept`,
    );
  }
  list.append(table, 'PREROUTING', '-p tcp -j ISTIO_INBOUND', 'every TCP connection that comes to the pod');
  const take = (port: string, what: string) => {
    if (mode === 'REDIRECT')
      return list.append(table, 'ISTIO_INBOUND', `-p tcp${port} -j ISTIO_IN_REDIRECT`, what);
    const known = '-m conntrack --ctstate RELATED,ESTABLISHED';
    list.append(
      table,
      'ISTIO_INBOUND',
      `-p tcp${port} ${known} -j ISTIO_DIVERT`,
      'a connection that Envoy has already',
    );
    list.append(table, 'ISTIO_INBOUND', `-p tcp${port} -j ISTIO_TPROXY`, what);
  };
  if (inboundPorts !== '*') {
    for (const port of inboundPorts) take(` --dport ${port}`, `port ${port} is taken (-b)`);
    return;
  }
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

function addProxy({ list, options, facts }: Scene): void {
  const output = (spec: string, why: string) => list.append('nat', 'ISTIO_OUTPUT', spec, why);
  list.append('nat', 'OUTPUT', '-j ISTIO_OUTPUT', 'everything that starts in the pod');
  for (const port of options.outboundExcludedPorts) {
    for (const protocol of ['tcp', 'udp']) {
      output(`-p ${protocol} --dport ${port} -j RETURN`, `port ${port} is left alone (-o)`);
    }
  }
  output(`-o lo -s ${facts.passthrough} -j RETURN`, 'Envoy hands a request to its own application');
  if (options.mode === 'TPROXY' && options.inboundPorts.length > 0) {
    // Not in the original, where such a connection comes back to Envoy again and again.
    const why = "Envoy hands a request to its own application from the client's address";
    output(`-o lo -p tcp -m mark --mark ${options.mark} -j RETURN`, why);
  }
  const takesLoopback =
    options.outboundCidrs !== '*' && options.outboundCidrs.some(({ text }) => isLoopback(text));
  const dns = options.dns !== undefined;
  for (const { flag, id } of proxyOwners(options)) {
    const owner = `--${flag}-owner ${id}`;
    const but =
      dns && flag === 'uid'
        ? `-m multiport ! --dports 53,${options.tunnelPort}`
        : `! --dport ${options.tunnelPort}`;
    output(
      `-o lo ! -d ${facts.loopback} -p tcp ${but} -m owner ${owner} -j ISTIO_IN_REDIRECT`,
      'Envoy calls its own pod: in again by the inbound listener',
    );
    if (!takesLoopback) {
      output(
        `-o lo${dns ? ' -p tcp ! --dport 53' : ''} -m owner ! ${owner} -j RETURN`,
        'the application calls its own pod: direct',
      );
    }
    output(
      `-m owner ${owner} -j RETURN`,
      "Envoy's own connections leave the pod: taken again, they would go in circles",
    );
  }
}

function isLoopback(cidr: string): boolean {
  return cidr.startsWith('127.') || cidr === '::1/128';
}

function addOwnerGroups({ list, options }: Scene): void {
  const { ownerGroups, ownerGroupsExcluded } = options;
  if (ownerGroups !== '*') {
    if (ownerGroups.length === 0) return;
    const others = ownerGroups.map((group) => `-m owner ! --gid-owner ${group}`).join(' ');
    list.append(
      'nat',
      'ISTIO_OUTPUT',
      `${others} -j RETURN`,
      'other groups are left alone (ISTIO_OUTBOUND_OWNER_GROUPS)',
    );
    return;
  }
  for (const group of ownerGroupsExcluded) {
    const why = `group ${group} is left alone (ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE)`;
    list.append('nat', 'ISTIO_OUTPUT', `-m owner --gid-owner ${group} -j RETURN`, why);
  }
}

/**
 * DNS goes to the agent. Its own questions leave the pod; connection tracking keeps the two apart by zones, as both may have the
 * same addresses and ports.
 */
function addDns({ list, options, family }: Scene): void {
  const servers = ofFamily(options.dns ?? [], family);
  if (servers.length === 0) return;
  const each = servers === '*' ? [undefined] : servers;
  const to = (server: string | undefined) => (server === undefined ? '' : ` -d ${server}`);
  const from = (server: string | undefined) => (server === undefined ? '' : ` -s ${server}`);
  const chain = 'ISTIO_OUTPUT_DNS';
  list.append('raw', 'OUTPUT', `-j ${chain}`, 'everything that starts in the pod');
  list.append('nat', 'ISTIO_OUTPUT', `-j ${chain}`, 'is it DNS?');
  for (const server of each) {
    list.append(
      'nat',
      chain,
      `-p tcp --dport 53${to(server)} -j REDIRECT --to-ports ${DNS_PORT}`,
      'to the agent',
    );
  }
  for (const server of each) {
    list.append(
      'nat',
      chain,
      `-p udp --dport 53${to(server)} -j REDIRECT --to-port ${DNS_PORT}`,
      'to the agent',
    );
  }
  for (const { flag, id } of proxyOwners(options)) {
    const owner = `-m owner --${flag}-owner ${id}`;
    list.append('raw', chain, `-p udp --dport 53 ${owner} -j CT --zone 1`, "the agent's own questions");
    list.append(
      'raw',
      chain,
      `-p udp --sport ${DNS_PORT} ${owner} -j CT --zone 2`,
      "the agent's answers to the application",
    );
  }
  list.append('raw', 'PREROUTING', '-j ISTIO_INBOUND', 'everything that comes to the pod');
  for (const server of each) {
    list.append('raw', chain, `-p udp --dport 53${to(server)} -j CT --zone 2`, "the application's questions");
    list.append(
      'raw',
      'ISTIO_INBOUND',
      `-p udp --sport 53${from(server)} -j CT --zone 1`,
      'answers to the agent',
    );
  }
}

function addDestinations({ list, options, family, facts }: Scene): void {
  const output = (spec: string, why: string) => list.append('nat', 'ISTIO_OUTPUT', spec, why);
  const fromMachine = (name: string, to: string) =>
    list.insert(
      'nat',
      'PREROUTING',
      1,
      `-i ${name}${to} -j ISTIO_REDIRECT`,
      `from the virtual machine on ${name}: outbound`,
    );
  output(`-d ${facts.loopback} -j RETURN`, 'loopback is direct');
  for (const cidr of ofFamily(options.outboundExcludedCidrs, family)) {
    output(`-d ${cidr} -j RETURN`, `${cidr} is left alone (-x)`);
  }
  for (const port of options.outboundPorts) {
    output(`-p tcp --dport ${port} -j ISTIO_REDIRECT`, `port ${port} is taken (-q)`);
  }
  const taken = ofFamily(options.outboundCidrs, family);
  if (taken === '*') {
    output('-j ISTIO_REDIRECT', 'every other TCP connection is taken (-i "*")');
    for (const name of options.kubeVirtInterfaces) fromMachine(name, '');
    return;
  }
  for (const cidr of taken) {
    for (const name of options.kubeVirtInterfaces) fromMachine(name, ` -d ${cidr}`);
    output(`-d ${cidr} -j ISTIO_REDIRECT`, `${cidr} is taken (-i)`);
  }
}

/** Envoy calls the application from the client's address, so answers must find back to Envoy: the mark leads them there. */
function addMarks({ list, options, facts }: Scene): void {
  const { mark } = options;
  const mangle = (chain: string, spec: string, why: string) => list.append('mangle', chain, spec, why);
  mangle(
    'PREROUTING',
    `-p tcp -m mark --mark ${mark} -j CONNMARK --save-mark`,
    'the connection remembers its mark',
  );
  mangle('OUTPUT', `-p tcp -o lo -m mark --mark ${mark} -j RETURN`, 'it has its mark');
  for (const { flag, id } of proxyOwners(options)) {
    mangle(
      'OUTPUT',
      `! -d ${facts.loopback} -p tcp -o lo -m owner --${flag}-owner ${id} -j MARK --set-mark ${LOOPED_MARK}`,
      'Envoy calls its own pod: marked as such',
    );
  }
  mangle(
    'OUTPUT',
    `-p tcp -m connmark --mark ${mark} -j CONNMARK --restore-mark`,
    'answers have the mark of their connection',
  );
  const inbound = (at: number, spec: string, why: string) =>
    list.insert('mangle', 'ISTIO_INBOUND', at, spec, why);
  inbound(1, `-p tcp -m mark --mark ${mark} -j RETURN`, 'Envoy hands a request to its own application');
  inbound(
    2,
    `-p tcp -s ${facts.passthrough} -i lo -j RETURN`,
    'Envoy hands a request to its own application',
  );
  inbound(
    3,
    `-p tcp -i lo -m mark ! --mark ${LOOPED_MARK} -j RETURN`,
    'on loopback, only what Envoy sends to its own pod is taken',
  );
}
