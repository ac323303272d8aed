import { parseArgs } from 'node:util';

/** How a flag is written and read. */
export interface FlagSpec {
  readonly short?: string;
  /** It takes no value, or `=true` and `=false`. */
  readonly switch?: true;
}

export interface GivenFlags {
  readonly help: boolean;
  readonly values: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

/** Every command of the original takes these; here they change nothing. */
const LOG_FLAGS = ['log_target', 'log_output_level', 'log_stacktrace_level', 'log_caller', 'vklog'];

/**
 * Reads a command line of flags alone. Everything that is wrong with it comes back.
 * @param refused flags of the original that cannot be had here, each with what to do instead
 */
export function readFlags(
  command: string,
  argv: readonly string[],
  specs: Readonly<Record<string, FlagSpec>>,
  refused: Readonly<Record<string, string>> = {},
): GivenFlags {
  const known: Readonly<Record<string, FlagSpec>> = {
    ...specs,
    help: { short: 'h', switch: true },
    log_as_json: { switch: true },
    ...Object.fromEntries(LOG_FLAGS.map((name) => [name, {}])),
  };
  const refusedSpecs: Readonly<Record<string, FlagSpec>> = Object.fromEntries(
    Object.keys(refused).map((name) => [name, {}]),
  );
  const { tokens } = parseArgs({
    args: [...argv],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries({ ...refusedSpecs, ...known }).map(([name, { short, switch: alone }]) => [
        name,
        { type: alone ? ('boolean' as const) : ('string' as const), ...(short ? { short } : {}) },
      ]),
    ),
  });
  const values = new Map<string, string>();
  const problems: string[] = [];
  let help = false;
  for (const token of tokens) {
    if (token.kind === 'positional') problems.push(`${command} takes no argument, got "${token.value}"`);
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const spec = known[name];
    const instead = refused[name];
    if (name === 'help') help = true;
    else if (instead !== undefined && specs[name] === undefined) problems.push(`${rawName}: ${instead}`);
    else if (spec === undefined) {
      const all = Object.keys(specs).map((each) => `--${each}`);
      problems.push(`unknown flag: ${rawName} (known: ${all.join(', ')})`);
    } else if (spec.switch) {
      if (value === undefined || value === 'true' || value === 'false') values.set(name, value ?? 'true');
      else problems.push(`${rawName}: expected true or false, got "${value}"`);
    } else if (value === undefined) problems.push(`${rawName}: a value is missing`);
    else values.set(name, value);
  }
  return { help, values, problems };
}
