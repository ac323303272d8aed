/** The command line after `istio-iptables`, read by the rules of Go's pflag. */
import { FLAGS, type Flag, IGNORED_FLAGS } from './flags.ts';

export interface Given {
  /** As it was written: `-p`, `--envoy-port`. */
  readonly source: string;
  readonly text: string;
}

export interface Argv {
  /** By the long name of the flag. The last of each wins. */
  readonly given: ReadonlyMap<string, Given>;
  readonly problems: readonly string[];
}

const BY_NAME = new Map(FLAGS.map((flag) => [flag.name, flag]));
const BY_SHORT = new Map(
  FLAGS.flatMap((flag) => (flag.short === undefined ? [] : [[flag.short, flag] as const])),
);

/** Reads the command line. Never throws; what is wrong with it comes back as problems. */
export function parseArgv(argv: readonly string[]): Argv {
  const given = new Map<string, Given>();
  const problems: string[] = [];
  const words = [...argv];

  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--') words.splice(0).forEach(positional);
    else if (word.startsWith('--')) long(word);
    else if (word.startsWith('-') && word !== '-') short(word);
    else positional(word);
  }
  return { given, problems };

  function positional(word: string): void {
    problems.push(
      `"${word}": unexpected; flags take their value as -b 80,443, and "*" needs quotes in a shell`,
    );
  }

  function long(word: string): void {
    const [, name = '', equals, inline = ''] = /^--([^=]*)(=)?(.*)$/s.exec(word) ?? [];
    const flag = BY_NAME.get(name);
    const ignored = IGNORED_FLAGS.get(name);
    if (flag !== undefined) take(flag, `--${name}`, equals === undefined ? undefined : inline);
    else if (ignored === undefined) problems.push(`unknown flag: --${name}`);
    else if (ignored === 'value' && equals === undefined) words.shift();
  }

  /** `-p 15001`, `-p15001`, `-p=15001`, and switches together: `-nf`. */
  function short(word: string): void {
    for (let at = 1; at < word.length; at += 1) {
      const name = word[at] ?? '';
      const flag = BY_SHORT.get(name);
      const rest = word.slice(at + 1);
      if (flag === undefined) {
        problems.push(`unknown flag: -${name}${word.length > 2 ? ` in ${word}` : ''}`);
        return;
      }
      if (rest.startsWith('=')) return take(flag, `-${name}`, rest.slice(1));
      if (flag.value !== undefined) return take(flag, `-${name}`, rest === '' ? undefined : rest);
      take(flag, `-${name}`, undefined);
    }
  }

  function take(flag: Flag, source: string, inline: string | undefined): void {
    if (inline !== undefined) given.set(flag.name, { source, text: inline });
    else if (flag.value === undefined) given.set(flag.name, { source, text: 'true' });
    else {
      const text = words.shift();
      if (text === undefined) problems.push(`${source}: the value is missing`);
      else given.set(flag.name, { source, text });
    }
  }
}
