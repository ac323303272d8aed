import type { Options } from '../../src/iptables/options.ts';
import { parseOptions, type Surroundings } from '../../src/iptables/parse-options.ts';

/** Reads a command line where nothing else is known of the machine than what is given. */
export function parse(argv: readonly string[], surroundings: Partial<Surroundings> = {}): Options {
  const parsed = parseOptions(argv, {
    env: {},
    addresses: ['10.0.0.1', '2001:db8::1'],
    file: () => '',
    ...surroundings,
  });
  if (parsed.kind === 'help') throw new Error('asks for help');
  return parsed;
}

/** A command line as a shell reads one without quotes but around `*`. */
export function words(line: string): readonly string[] {
  return line.split(' ').map((word) => (word === "''" ? '' : word));
}
