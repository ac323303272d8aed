/** Command line and environment -> `Options`, or every problem at once. */
import { InputError } from '../platform/errors.ts';
import { type Argv, parseArgv } from './argv.ts';
import { FLAGS, type Flag, VARIABLES, type Variable } from './flags.ts';
import { LOOPED_MARK } from './marks.ts';
import {
  type AllOr,
  type Cidr,
  FAMILIES,
  type Family,
  type Generation,
  type Interception,
  type Options,
  type Task,
} from './options.ts';
import * as read from './values.ts';

/** What is read besides the command line. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Addresses under which others may reach this machine, in the order of the operating system. */
  readonly addresses: readonly string[];
  /** The text of a file; empty where there is none. */
  readonly file: (path: string) => string;
}

const DEFAULT_UID = '1337';
const MAX_OWNER_GROUPS = 64;
/** Tables of the kernel itself, rtnetlink(7). */
const KERNEL_TABLES = [253, 254, 255];
/** Flags of 1.30 that mean something only in its rules. */
const MODERN_RULES = [
  'inbound-tunnel-port',
  'istio-exclude-interfaces',
  'istio-outbound-ports',
  'redirect-dns',
  'capture-all-dns',
  'drop-invalid',
];

/**
 * Reads what `istio-iptables` is given. A flag wins over its environment variable, even with an empty value; a variable that is
 * empty does not count.
 * @param program `istio-clean-iptables` always cleans up
 * @throws InputError with every problem
 */
export function parseOptions(
  argv: readonly string[],
  surroundings: Surroundings,
  program: 'istio-iptables' | 'istio-clean-iptables' = 'istio-iptables',
): { readonly kind: 'help' } | ({ readonly kind: 'run' } & Options) {
  const parsed = parseArgv(argv);
  const problems = [...parsed.problems];
  if (parsed.given.get('help')?.text === 'true') return { kind: 'help' };
  const settings = createSettings(parsed, surroundings.env);
  const generation = generationOf(settings, problems);
  const dns = readDns(settings, surroundings, problems);
  const interception = readInterception(settings, surroundings, generation, dns.servers, problems);
  const task = readTask(settings, program, problems);
  if (problems.length > 0) throw new InputError(problems);
  return {
    kind: 'run',
    interception,
    task,
    warnings: [...dns.warnings, ...warningsOf(settings, interception, task)],
  };
}

interface Settings {
  /** The value of a flag or variable, and where it comes from. */
  get(name: string): read.Source;
  /** Whether it does not come from the default. */
  given(name: string): boolean;
}

const FLAG_OF = new Map<string, Flag>(FLAGS.map((flag) => [flag.name, flag]));
const VARIABLE_OF = new Map<string, Variable>(VARIABLES.map((variable) => [variable.name, variable]));

function createSettings({ given }: Argv, env: Surroundings['env']): Settings {
  const find = (name: string): read.Source | undefined => {
    const fromFlag = given.get(name);
    if (fromFlag !== undefined) return fromFlag;
    for (const source of FLAG_OF.get(name)?.env ?? [name]) {
      const text = env[source];
      if (text !== undefined && text !== '') return { source, text };
    }
    return undefined;
  };
  return {
    get: (name) => {
      const fallback = (FLAG_OF.get(name) ?? VARIABLE_OF.get(name))?.fallback;
      return find(name) ?? { source: FLAG_OF.has(name) ? `--${name}` : name, text: fallback ?? '' };
    },
    given: (name) => find(name) !== undefined,
  };
}

function generationOf(settings: Settings, problems: string[]): Generation {
  const asked = read.oneOf<Generation>(settings.get('compat'), ['1.5', '1.30'], problems);
  const modern = [...FLAGS, ...VARIABLES]
    .filter((each) => each.modern && settings.given(each.name) && !isOff(settings.get(each.name).text))
    .map(({ name }) => name);
  if (asked === '1.5') {
    for (const name of modern) {
      if (!MODERN_RULES.includes(name) && !VARIABLE_OF.has(name)) continue;
      problems.push(
        `${settings.get(name).source}: the rules of 1.5 have no such thing; leave --compat 1.5 out`,
      );
    }
  }
  return asked ?? (modern.length > 0 ? '1.30' : '1.5');
}

/** A switch that an injector writes out to say that it is off asks for nothing. */
function isOff(text: string): boolean {
  return /^(0|f|F|FALSE|false|False)?$/.test(text);
}

function readInterception(
  settings: Settings,
  { env, addresses, file }: Surroundings,
  generation: Generation,
  dns: AllOr<Cidr> | undefined,
  problems: string[],
): Interception {
  const { get } = settings;
  const mode =
    read.oneOf(get('istio-inbound-interception-mode'), ['REDIRECT', 'TPROXY'], problems) ?? 'REDIRECT';
  const mark = read.wholeNumber(get('istio-inbound-tproxy-mark'), 'mark', problems);
  const routeTable = read.wholeNumber(get('istio-inbound-tproxy-route-table'), 'routing table', problems);
  if (KERNEL_TABLES.includes(routeTable)) {
    problems.push(
      `${get('istio-inbound-tproxy-route-table').source}: table ${routeTable} is the kernel's own; use 133`,
    );
  }
  if (mark === LOOPED_MARK && generation === '1.30') {
    problems.push(
      `${get('istio-inbound-tproxy-mark').source}: mark ${LOOPED_MARK} has another meaning; use 1337`,
    );
  }
  const [users, groups] = [file('/etc/passwd'), file('/etc/group')];
  const uidText = get('proxy-uid').text || defaultUids(env, users, generation);
  const gidText = get('proxy-gid').text || uidText;
  const ownerGroups = get('ISTIO_OUTBOUND_OWNER_GROUPS');
  const taken = ownerGroups.text.trim() === '*' ? '*' : read.owners(ownerGroups, 'group', groups, problems);
  if (taken.length > MAX_OWNER_GROUPS) {
    problems.push(
      `${ownerGroups.source}: ${taken.length} groups; the kernel's rules hold ${MAX_OWNER_GROUPS}`,
    );
  }
  return {
    generation,
    families: familiesOf(addresses, read.boolean(get('dual-stack'), problems)),
    outboundPort: read.port(get('envoy-port'), problems),
    inboundPort: read.port(get('inbound-capture-port'), problems),
    tunnelPort: read.port(get('inbound-tunnel-port'), problems),
    uids: read.owners({ ...get('proxy-uid'), text: uidText }, 'user', users, problems),
    gids: read.owners({ ...get('proxy-gid'), text: gidText }, 'group', groups, problems),
    mode,
    mark,
    routeTable,
    inboundPorts: read.allOrPorts(get('istio-inbound-ports'), problems),
    inboundExcludedPorts: read.ports(get('istio-local-exclude-ports'), problems),
    excludedInterfaces: read.interfaces(get('istio-exclude-interfaces'), problems),
    kubeVirtInterfaces: read.interfaces(get('kube-virt-interfaces'), problems),
    outboundCidrs: read.allOrCidrs(get('istio-service-cidr'), problems),
    outboundExcludedCidrs: read.cidrs(get('istio-service-exclude-cidr'), problems),
    outboundPorts: read.ports(get('istio-outbound-ports'), problems),
    outboundExcludedPorts: read.ports(get('istio-local-outbound-ports-exclude'), problems),
    ownerGroups: taken,
    ownerGroupsExcluded: read.owners(get('ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE'), 'group', groups, problems),
    dns,
    dropInvalid: read.boolean(get('drop-invalid'), problems),
    loopback: readLoopback(get('ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR'), problems),
  };
}

/** Without -u, 1.5 takes root for Envoy too. */
function defaultUids(env: Surroundings['env'], users: string, generation: Generation): string {
  const uid = read.lookUp(env['ENVOY_USER'] || 'istio-proxy', users) ?? DEFAULT_UID;
  return generation === '1.5' ? `${uid},0` : uid;
}

/** IPv4 always; IPv6 where the first address is one of it, or any with dual stack. */
function familiesOf(addresses: readonly string[], dualStack: boolean): readonly Family[] {
  const isV6 = (address: string | undefined) => address?.includes(':') === true;
  const ipv6 = dualStack ? addresses.some(isV6) : isV6(addresses[0]);
  return ipv6 ? FAMILIES : ['ipv4'];
}

function readLoopback(given: read.Source, problems: string[]): Cidr {
  const value = read.parseCidr(given.text);
  const prefix = typeof value === 'string' ? 0 : Number(value.text.split('/')[1]);
  if (typeof value !== 'string' && value.text.startsWith('127.') && prefix >= 8) return value;
  problems.push(`${given.source}: "${given.text}" is not a part of 127.0.0.0/8`);
  return { family: 'ipv4', text: '127.0.0.1/32' };
}

function readDns(
  { get }: Settings,
  { file }: Surroundings,
  problems: string[],
): { readonly servers: AllOr<Cidr> | undefined; readonly warnings: readonly string[] } {
  const redirect = read.boolean(get('redirect-dns'), problems);
  const all = read.boolean(get('capture-all-dns'), problems);
  if (!redirect) return { servers: undefined, warnings: [] };
  if (all) return { servers: '*', warnings: [] };
  const servers = nameservers(file('/etc/resolv.conf'));
  if (servers.length > 0) return { servers, warnings: [] };
  const why =
    'DNS is not taken: /etc/resolv.conf names no server; --capture-all-dns takes it whatever the server';
  return { servers: undefined, warnings: [`${get('redirect-dns').source}: ${why}`] };
}

function nameservers(resolvConf: string): readonly Cidr[] {
  return [...resolvConf.matchAll(/^[ \t]*nameserver[ \t]+([^\s%]+)/gm)].flatMap(([, address = '']) => {
    const cidr = read.parseCidr(`${address}/${address.includes(':') ? 128 : 32}`);
    return typeof cidr === 'string' ? [] : [cidr];
  });
}

function readTask({ get }: Settings, program: string, problems: string[]): Task {
  const on = (name: string) => read.boolean(get(name), problems);
  const cleanUp = on('cleanup-only') || program === 'istio-clean-iptables';
  const explain = on('explain');
  const forced = read.oneOf(get('force-iptables-binary'), ['nft', 'legacy'], problems);
  const probePort = read.port(get('iptables-probe-port'), problems);
  const timeout = read.duration(get('probe-timeout'), problems);
  for (const name of ['reconcile', 'cni-mode', 'restore-format']) on(name); // only what is wrong with them
  const skip = on('skip-rule-apply');
  return {
    kind: cleanUp ? 'clean-up' : skip ? 'leave' : 'apply',
    dryRun: on('dry-run') || explain,
    explain,
    output: read.oneOf(get('output'), ['text', 'json'], problems) ?? 'text',
    force: on('force-apply'),
    backend: on('native-nftables') ? 'nft' : forced,
    networkNamespace: get('network-namespace').text || undefined,
    lockWait: read.duration(get('wait'), problems),
    validation: on('run-validation') ? { probePort, timeout } : undefined,
  };
}

function warningsOf(settings: Settings, interception: Interception, task: Task): readonly string[] {
  const { get } = settings;
  const { generation, mode, inboundPorts, inboundExcludedPorts, outboundPort, inboundPort } = interception;
  const warnings: string[] = [];
  if (isOff(get('restore-format').text)) {
    warnings.push(`${get('restore-format').source}: has no effect; rules are always put by iptables-restore`);
  }
  if (!isOff(get('native-nftables').text)) {
    warnings.push(
      `${get('native-nftables').source}: rules are put by iptables-nft, into the tables of iptables`,
    );
  }
  if (task.kind !== 'apply') return warnings;
  if (generation === '1.5' && outboundPort !== inboundPort && inboundPorts.length > 0) {
    const what = mode === 'TPROXY' ? '-m TPROXY' : inboundPorts === '*' ? undefined : 'a list in -b';
    if (what !== undefined) {
      warnings.push(
        `with ${what} the rules of 1.5 send inbound connections to ${outboundPort}, not to ${inboundPort}; --compat 1.30 sends them to ${inboundPort}`,
      );
    }
  }
  if (inboundPorts !== '*' && inboundExcludedPorts.length > 0) {
    warnings.push(`${get('istio-local-exclude-ports').source}: has no effect where -b is not "*"`);
  }
  return warnings;
}
