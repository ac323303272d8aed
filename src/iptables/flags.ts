/** The flags of `istio-iptables`, of 1.5 and of 1.30, with the environment variables that stand for them. */

export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** The first that is set and not empty counts. */
  readonly env: readonly string[];
  readonly fallback: string;
  /** What the value is, for the help text; none: a switch. */
  readonly value?: string;
  /** Only 1.30 has it: whoever gives it gets the rules of 1.30. */
  readonly modern?: true;
  readonly text: string;
}

/** Settings that 1.30 takes from the environment only. They have no flag, and are named by their variable. */
export interface Variable {
  readonly name: string;
  readonly fallback: string;
  readonly modern?: true;
  readonly text: string;
}

const flag = (
  name: string,
  short: string | undefined,
  fallback: string,
  value: string | undefined,
  text: string,
  more: Partial<Pick<Flag, 'modern' | 'env'>> = {},
): Flag => ({
  name,
  ...(short === undefined ? {} : { short }),
  env: [name.replaceAll('-', '_').toUpperCase()],
  fallback,
  ...(value === undefined ? {} : { value }),
  text,
  ...more,
});

const modern = { modern: true } as const;

export const FLAGS: readonly Flag[] = [
  flag('envoy-port', 'p', '15001', 'PORT', "Envoy's port for what the application sends"),
  flag('inbound-capture-port', 'z', '15006', 'PORT', "Envoy's port for what is sent to the pod"),
  flag('inbound-tunnel-port', 'e', '15008', 'PORT', 'port that is never taken: HBONE tunnels', modern),
  flag(
    'proxy-uid',
    'u',
    '',
    'UIDS',
    "Envoy's user, whose own traffic is left alone; default: ENVOY_USER's, else 1337",
  ),
  flag('proxy-gid', 'g', '', 'GIDS', "Envoy's group, likewise; default: the value of -u"),
  flag(
    'istio-inbound-interception-mode',
    'm',
    '',
    'MODE',
    "REDIRECT, or TPROXY, which keeps the client's address",
  ),
  flag('istio-inbound-ports', 'b', '', 'PORTS', 'inbound ports to take, "*" for all; empty: none'),
  flag('istio-local-exclude-ports', 'd', '', 'PORTS', 'inbound ports to leave alone, where -b is "*"'),
  flag('istio-exclude-interfaces', 'c', '', 'NAMES', 'interfaces whose traffic is left alone', modern),
  flag('istio-service-cidr', 'i', '', 'CIDRS', 'outbound addresses to take, "*" for all; empty: none'),
  flag('istio-service-exclude-cidr', 'x', '', 'CIDRS', 'outbound addresses to leave alone'),
  flag('istio-outbound-ports', 'q', '', 'PORTS', 'outbound ports to take, whatever the address', modern),
  flag('istio-local-outbound-ports-exclude', 'o', '', 'PORTS', 'outbound ports to leave alone'),
  flag(
    'kube-virt-interfaces',
    'k',
    '',
    'NAMES',
    'interfaces of virtual machines: what comes in there counts as outbound',
  ),
  flag('istio-inbound-tproxy-mark', 't', '1337', 'MARK', 'mark of packets for TPROXY'),
  flag('istio-inbound-tproxy-route-table', 'r', '133', 'TABLE', 'routing table for packets with that mark'),
  flag(
    'redirect-dns',
    undefined,
    'false',
    undefined,
    'send DNS of the application to the agent, port 15053',
    {
      modern: true,
      env: ['REDIRECT_DNS', 'ISTIO_META_DNS_CAPTURE'],
    },
  ),
  flag(
    'capture-all-dns',
    undefined,
    'false',
    undefined,
    'DNS to any server, not only those of /etc/resolv.conf',
    modern,
  ),
  flag('drop-invalid', undefined, 'false', undefined, 'drop packets of no known connection', {
    modern: true,
    env: ['DROP_INVALID', 'INVALID_DROP'],
  }),
  flag(
    'dual-stack',
    undefined,
    'false',
    undefined,
    'IPv4 and IPv6; without it the first address of the machine decides',
    {
      modern: true,
      env: ['DUAL_STACK', 'ISTIO_DUAL_STACK'],
    },
  ),
  flag(
    'compat',
    undefined,
    '',
    'VERSION',
    'rules of "1.5" or "1.30"; default: 1.30 where a flag of 1.30 is given, else 1.5',
    {
      env: [],
    },
  ),
  flag('dry-run', 'n', 'false', undefined, 'print the input of iptables-restore, change nothing'),
  flag(
    'explain',
    undefined,
    'false',
    undefined,
    'print the way of a packet through the rules in words, change nothing',
    {
      env: [],
    },
  ),
  flag('output', undefined, 'text', 'FORM', '"text" or "json"', { env: [] }),
  flag(
    'cleanup-only',
    undefined,
    'false',
    undefined,
    'take away all that was added, and add nothing',
    modern,
  ),
  flag('force-apply', undefined, 'false', undefined, 'put the rules anew even where they are there', modern),
  flag('reconcile', undefined, 'false', undefined, 'replace other rules; this is always done', modern),
  flag(
    'force-iptables-binary',
    undefined,
    '',
    'KIND',
    '"nft" or "legacy"; default: whichever has rules, else nft',
    modern,
  ),
  flag('native-nftables', undefined, 'false', undefined, 'the same as --force-iptables-binary nft', modern),
  flag('network-namespace', undefined, '', 'PATH', 'work in this network namespace, by nsenter', modern),
  flag('cni-mode', undefined, 'false', undefined, 'no effect', modern),
  flag('wait', undefined, '30s', 'DURATION', 'how long to wait for the lock of another iptables', {
    env: [],
  }),
  flag('restore-format', 'f', 'true', undefined, 'no effect: rules are always put by iptables-restore'),
  flag('skip-rule-apply', undefined, 'false', undefined, 'leave the rules as they are'),
  flag(
    'run-validation',
    undefined,
    'false',
    undefined,
    'try with a connection whether redirection works; exit code 126 if not',
  ),
  flag('iptables-probe-port', undefined, '15002', 'PORT', 'port that --run-validation connects to'),
  flag('probe-timeout', undefined, '5s', 'DURATION', 'how long --run-validation tries'),
  flag('help', 'h', 'false', undefined, 'this text', { env: [] }),
];

export const VARIABLES: readonly Variable[] = [
  { name: 'ENVOY_USER', fallback: 'istio-proxy', text: 'name of the user that -u defaults to' },
  {
    name: 'ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR',
    fallback: '127.0.0.1/32',
    modern: true,
    text: 'what counts as loopback of IPv4',
  },
  {
    name: 'ISTIO_OUTBOUND_OWNER_GROUPS',
    fallback: '*',
    modern: true,
    text: 'groups whose outbound traffic is taken, "*" for all',
  },
  {
    name: 'ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE',
    fallback: '',
    modern: true,
    text: 'groups whose outbound traffic is left alone',
  },
];

/** Every command of the original takes these; here they change nothing. */
export const IGNORED_FLAGS: ReadonlyMap<string, 'value' | 'switch'> = new Map([
  ['log_target', 'value'],
  ['log_output_level', 'value'],
  ['log_stacktrace_level', 'value'],
  ['log_caller', 'value'],
  ['log_rotate', 'value'],
  ['vklog', 'value'],
  ['log_as_json', 'switch'],
]);
