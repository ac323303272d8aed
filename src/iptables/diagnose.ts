/** What iptables says, for who has to put it right. */

const MODULES: Readonly<Record<string, string>> = {
  owner: 'xt_owner',
  REDIRECT: 'xt_REDIRECT',
  TPROXY: 'xt_TPROXY',
  socket: 'xt_socket',
  conntrack: 'xt_conntrack',
  multiport: 'xt_multiport',
  CONNMARK: 'xt_connmark',
  connmark: 'xt_connmark',
  MARK: 'xt_mark',
  mark: 'xt_mark',
  CT: 'xt_CT',
};

/**
 * Why iptables-restore has refused its input, and what helps.
 * @param lockWait how long it was to wait for its lock: `30s`
 */
export function diagnose(program: string, stderr: string, input: string, lockWait: string): string {
  const said = stderr.trim().split('\n').slice(0, 5).join('\n  ');
  return [`${program}${refusedLine(stderr, input)}: ${said}`, remedy(stderr, input, lockWait)]
    .filter(Boolean)
    .join('\n');
}

function refusedLine(stderr: string, input: string): string {
  const text = input.split('\n')[Number(/\bline:? (\d+)/.exec(stderr)?.[1]) - 1];
  return text === undefined || text === 'COMMIT' ? '' : ` refuses "${text}"`;
}

function remedy(stderr: string, input: string, lockWait: string): string | undefined {
  if (/holding the xtables lock/.test(stderr)) {
    return `Another iptables has held its lock (/run/xtables.lock) for longer than ${lockWait}: end it, or give --wait more.`;
  }
  if (/can't open lock file/i.test(stderr)) {
    return 'The lock needs a place to write: make /run writable, or set XTABLES_LOCKFILE to a file that can be written.';
  }
  if (/permission denied|you must be root|operation not permitted/i.test(stderr)) return NET_ADMIN;
  const module = missingModule(stderr, input);
  return module && `The kernel lacks ${module}: load it on the machine that runs this (modprobe ${module}).`;
}

export const NET_ADMIN =
  'The capability NET_ADMIN is needed (legacy tables: NET_RAW too): run as root, in Kubernetes with securityContext.capabilities.add: [NET_ADMIN, NET_RAW] and runAsUser: 0.';

function missingModule(stderr: string, input: string): string | undefined {
  const named =
    /Extension (\S+) revision \d+ not supported, missing kernel module/.exec(stderr)?.[1] ??
    /Couldn't load (?:match|target) [`'"]?([\w-]+)/.exec(stderr)?.[1];
  if (named !== undefined) return MODULES[named] ?? `xt_${named}`;
  const table = /(?:can't|unable to) initialize (?:ip6?tables )?table [`'"](\w+)/.exec(stderr)?.[1];
  if (table !== undefined) return `${/ip6tables/.test(stderr) ? 'ip6table' : 'iptable'}_${table}`;
  if (!/No chain\/target\/match by that name|failed \(No such file or directory\)/.test(stderr))
    return undefined;
  const words = (input.split('\n')[Number(/\bline:? (\d+)/.exec(stderr)?.[1]) - 1] ?? '').split(' ');
  return words.flatMap((word) => MODULES[word] ?? []).at(-1);
}
