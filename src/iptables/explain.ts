/** The way of a packet through the rules, in words. */
import { factsOf, ofFamily } from './family.ts';
import type { AllOr, Family, Interception } from './options.ts';
import { jumpTarget, type Rule, rulesOf, type Table, type TableRules } from './rule.ts';
import type { FamilyRules } from './rules.ts';

/** The order in which the kernel asks the tables. */
const ORDER: readonly Table[] = ['raw', 'mangle', 'nat', 'filter'];
const WIDTH = 78;

export function explain(options: Interception, rules: FamilyRules): string {
  const families = options.families.map((family) => explainFamily(options, family, rules[family]));
  return [summary(options), ...families].join('\n');
}

function summary(options: Interception): string {
  return [
    `Rules of Istio ${options.generation}, ${options.families.map(familyName).join(' and ')}.`,
    '',
    ...inboundSummary(options),
    ...outboundSummary(options),
    `Envoy     is whoever runs as user ${options.uids.join(', ')} or group ${options.gids.join(', ')}; what it sends leaves the pod untouched.`,
    '          What it sends to its own pod goes to its inbound listener, unless it comes from 127.0.0.6 (::6): that is for the application.',
    '',
  ].join('\n');
}

function inboundSummary(options: Interception): readonly string[] {
  const { inboundPorts, inboundExcludedPorts, generation, mode, inboundPort, outboundPort, tunnelPort } =
    options;
  if (inboundPorts.length === 0) return ['Inbound   nothing is taken: -b is empty.'];
  const old = generation === '1.5' && (mode === 'TPROXY' || inboundPorts !== '*');
  const to = old ? outboundPort : inboundPort;
  const always = generation === '1.5' ? [22] : [tunnelPort];
  const left =
    inboundPorts === '*'
      ? [...(mode === 'TPROXY' && generation === '1.30' ? [] : always), ...inboundExcludedPorts]
      : [];
  const what = inboundPorts === '*' ? 'every TCP port' : `TCP port ${inboundPorts.join(', ')}`;
  const but = left.length === 0 ? '' : `, except ${left.join(', ')}`;
  const how =
    mode === 'TPROXY'
      ? 'as it is: Envoy sees the address of the client'
      : 'by a changed destination: the original one is in SO_ORIGINAL_DST';
  return [`Inbound   ${what} goes to Envoy's port ${to}${but}.`, `          It gets there ${how}.`];
}

function outboundSummary(options: Interception): readonly string[] {
  const { outboundPort, outboundPorts, outboundExcludedPorts, outboundExcludedCidrs, outboundCidrs } =
    options;
  const addresses =
    outboundCidrs === '*' ? 'every address' : outboundCidrs.map(({ text }) => text).join(', ');
  const taken = [addresses, ...outboundPorts.map((port) => `port ${port}`)].filter((each) => each !== '');
  const left = [
    'loopback',
    'the pod itself',
    ...outboundExcludedCidrs.map(({ text }) => text),
    ...outboundExcludedPorts.map((port) => `port ${port}`),
    ...options.excludedInterfaces.map((name) => `what leaves by ${name}`),
    ...groupsLeft(options),
  ];
  const lines =
    taken.length === 0
      ? ['Outbound  nothing is taken: -i is empty.']
      : [
          `Outbound  TCP to ${taken.join(', ')} goes to Envoy's port ${outboundPort}, except ${left.join(', ')}.`,
        ];
  if (options.dns !== undefined)
    lines.push(`          DNS to ${dnsServers(options)} goes to the agent's port 15053.`);
  return lines;
}

function groupsLeft({ ownerGroups, ownerGroupsExcluded }: Interception): readonly string[] {
  if (ownerGroups === '*') return ownerGroupsExcluded.map((group) => `group ${group}`);
  return ownerGroups.length === 0 ? [] : [`every group but ${ownerGroups.join(', ')}`];
}

function dnsServers({ dns = [], families }: Interception): string {
  const servers = families.map((family): AllOr<string> => ofFamily(dns, family));
  return servers.includes('*') ? 'any server' : servers.flat().join(', ');
}

function explainFamily(options: Interception, family: Family, tables: readonly TableRules[]): string {
  const ways = [
    { hook: 'PREROUTING', title: 'A packet comes to the pod' },
    { hook: 'OUTPUT', title: 'A packet starts in the pod' },
  ];
  const name = familyName(family);
  const routes =
    options.mode === 'TPROXY' && options.inboundPorts.length > 0
      ? [
          `Packets with mark ${options.mark} are routed by table ${options.routeTable}, where every address is this machine's own.`,
        ]
      : [];
  const address = family === 'ipv6' ? [`${factsOf(family).passthrough} is an address of lo.`] : [];
  const parts = ways.map(({ hook, title }) => [`${title} (${name})`, ...way(hook, tables)].join('\n'));
  return [...parts.map((part) => `${part}\n`), ...routes, ...address].join('\n');
}

/** A hook's chains in the order in which they are asked; the chains that it jumps to follow it. */
function way(hook: string, tables: readonly TableRules[]): readonly string[] {
  return ORDER.flatMap((table) => {
    const rules = tables.find((each) => each.table === table)?.rules ?? [];
    return reachable(hook, rules).flatMap((chain) => {
      const inChain = rulesOf(chain, rules);
      if (inChain.length === 0)
        return chain === hook ? [] : [`  ${table} ${chain}`, '    (no rule: back to where it came from)'];
      return [`  ${table} ${chain}`, ...inChain.map(line)];
    });
  });
}

function reachable(hook: string, rules: readonly Rule[]): readonly string[] {
  const found = new Set<string>();
  const visit = (chain: string) => {
    if (found.has(chain)) return;
    found.add(chain);
    for (const { spec } of rulesOf(chain, rules)) {
      const target = jumpTarget(spec);
      if (target !== undefined) visit(target);
    }
  };
  visit(hook);
  return [...found];
}

function line({ spec, why }: Rule): string {
  const text = spec.join(' ');
  return text.length > WIDTH
    ? `    ${text}\n    ${' '.repeat(WIDTH)}  ${why}`
    : `    ${text.padEnd(WIDTH)}  ${why}`;
}

function familyName(family: Family): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6';
}
