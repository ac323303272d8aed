/** The command line after `proxy`, read by the rules of Go's pflag, with a role that no unknown flag can swallow. */
import type { Role } from './agent-config.ts';
import { parseGoBool } from './go-values.ts';
import { type Key, SETTINGS } from './schema.ts';

export interface GivenFlag {
  /** As it was written: `--base-id`. */
  readonly flag: string;
  readonly text: string;
}

export interface Argv {
  readonly role: Role;
  readonly roleGiven: boolean;
  /** The last of each flag wins. */
  readonly flags: ReadonlyMap<Key, GivenFlag>;
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

interface KnownFlag {
  readonly key: Key;
  readonly boolean: boolean;
}

const ROLES: readonly string[] = ['sidecar', 'router'] satisfies Role[];
const UNSUPPORTED_ROLES: readonly string[] = ['waypoint', 'ztunnel', 'agentgateway'];
const KNOWN = new Map<string, KnownFlag>(
  SETTINGS.flatMap(([key, { flag, aliases = [], format }]) =>
    flag === undefined
      ? []
      : [flag, ...aliases].map((name) => [name, { key, boolean: format === 'boolean' }] as const),
  ),
);

/** Whether the command line asks for the help text: `-h`, `--help`, but not where that is the value of a flag. */
export function wantsHelp(argv: readonly string[]): boolean {
  const help = parseArgv(argv).flags.get('help');
  return help !== undefined && parseGoBool(help.text) !== false;
}

/** Reads the command line. Never throws; what is wrong with it comes back as problems. */
export function parseArgv(argv: readonly string[]): Argv {
  const flags = new Map<Key, GivenFlag>();
  const warnings: string[] = [];
  const problems: string[] = [];
  const positionals: string[] = [];
  /** Role names right after an unknown flag: the role, unless another word is clearly that. */
  const doubtful: string[] = [];

  let at = 0;
  const next = (): string | undefined => argv[at];
  const take = (): void => {
    at += 1;
  };

  while (at < argv.length) {
    const word = argv[at] ?? '';
    take();
    if (word === '--') {
      positionals.push(...argv.slice(at));
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      positionals.push(word);
      continue;
    }
    const [, dashes = '', name = '', equals, value = ''] = /^(--?)([^=]*)(=)?(.*)$/s.exec(word) ?? [];
    if (name === '' || name.startsWith('-')) {
      problems.push(`"${word}": not a flag; write --flag=value`);
      continue;
    }
    const known = dashes === '-' ? (name === 'h' ? KNOWN.get('help') : undefined) : KNOWN.get(name);
    if (known === undefined) unknownFlag(`${dashes}${name}`, equals !== undefined);
    else if (equals !== undefined) flags.set(known.key, { flag: `--${name}`, text: value });
    else if (known.boolean) booleanFlag(known.key, name);
    else valueFlag(known.key, name);
  }
  return { ...pickRole(positionals, doubtful, problems), flags, warnings, problems };

  function unknownFlag(flag: string, complete: boolean): void {
    warnings.push(`unknown flag ${flag}, ignored; see pilot-agent proxy --help`);
    const following = next();
    if (complete || following === undefined || following.startsWith('-')) return;
    if (isRole(following)) doubtful.push(following);
    take();
  }

  function booleanFlag(key: Key, name: string): void {
    const following = next();
    let text = 'true';
    if (following === 'true' || following === 'false') {
      warnings.push(`--${name} ${following}: write --${name}=${following}`);
      text = following;
      take();
    }
    flags.set(key, { flag: `--${name}`, text });
  }

  function valueFlag(key: Key, name: string): void {
    const following = next();
    if (following === undefined || isKnownFlag(following)) {
      problems.push(`--${name}: the value is missing; write --${name}=value`);
      return;
    }
    flags.set(key, { flag: `--${name}`, text: following });
    take();
  }
}

function isKnownFlag(word: string): boolean {
  return word.startsWith('--') && KNOWN.has(word.slice(2).split('=', 1)[0] ?? '');
}

function isRole(word: string): boolean {
  return ROLES.includes(word) || UNSUPPORTED_ROLES.includes(word);
}

function pickRole(
  positionals: readonly string[],
  doubtful: readonly string[],
  problems: string[],
): { role: Role; roleGiven: boolean } {
  const [word = positionals.length === 0 ? doubtful[0] : undefined, ...more] = positionals;
  for (const extra of more) {
    problems.push(`"${extra}": unexpected after the role "${word}"; flags take their value as --flag=value`);
  }
  if (word === undefined) return { role: 'sidecar', roleGiven: false };
  if (UNSUPPORTED_ROLES.includes(word)) {
    problems.push(`"${word}": this role is not supported; use sidecar or router`);
  } else if (!ROLES.includes(word)) problems.push(`"${word}": unknown role; use sidecar or router`);
  return { role: word === 'router' ? 'router' : 'sidecar', roleGiven: true };
}
