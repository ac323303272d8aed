/** Flags of the small commands, read as Istio's `wait` and `request` read theirs: `--flag value`, `--flag=value`, anywhere. */

export interface ParsedFlags {
  readonly help: boolean;
  /** Flags without a value that were given. */
  readonly switches: ReadonlySet<string>;
  /** Last value of each flag that was given. */
  readonly values: ReadonlyMap<string, string>;
  readonly positionals: readonly string[];
  readonly problems: readonly string[];
}

/** Every command of the original takes these; here they change nothing. */
const LOG_FLAGS = ['log_target', 'log_output_level', 'log_stacktrace_level', 'log_caller', 'vklog'];
const LOG_SWITCH = 'log_as_json';

/**
 * @param flags names, without dashes, of the flags that take a value
 * @param switches of those that take none
 */
export function parseFlags(
  argv: readonly string[],
  flags: readonly string[],
  switches: readonly string[] = [],
): ParsedFlags {
  const given = new Set<string>();
  const values = new Map<string, string>();
  const positionals: string[] = [];
  const problems: string[] = [];
  let help = false;
  for (let i = 0; i < argv.length; i += 1) {
    const argument = argv[i] ?? '';
    if (argument === '--') {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (!argument.startsWith('-') || argument === '-') {
      positionals.push(argument);
      continue;
    }
    const [, name = '', inline] = /^--?([^=]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (argument === '-h' || name === 'help') help = true;
    else if (name === LOG_SWITCH) continue;
    else if (argument === `--${name}` && switches.includes(name)) given.add(name);
    else if (!argument.startsWith('--') || ![...flags, ...LOG_FLAGS].includes(name)) {
      problems.push(
        `unknown flag: ${argument.split('=', 1)[0]} (known: ${[...flags, ...switches].map((flag) => `--${flag}`).join(', ')})`,
      );
    } else if (inline !== undefined) values.set(name, inline);
    else {
      i += 1;
      const next = argv[i];
      if (next === undefined) problems.push(`--${name}: a value is missing`);
      else values.set(name, next);
    }
  }
  return { help, switches: given, values, positionals, problems };
}

/** A whole number of a flag. Adds to `problems` when the text is none or out of bounds. */
export function wholeNumber(
  parsed: ParsedFlags,
  flag: string,
  fallback: number,
  minimum: number,
  problems: string[],
): number {
  const text = parsed.values.get(flag);
  if (text === undefined) return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= minimum && value <= 2 ** 31 - 1) return value;
  problems.push(`--${flag}: expected a whole number of at least ${minimum}, got "${text}"`);
  return fallback;
}
