/** One spelling for a rule, whether this program has written it or the kernel has given it back. */
import { normalizeIp } from '../platform/addresses.ts';

interface Option {
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

const ALIASES: Readonly<Record<string, string>> = { '--to-port': '--to-ports', '--set-mark': '--set-xmark' };
/** Options that say what is so without them. */
const DEFAULTS = ['--on-ip 0.0.0.0', '--on-ip ::', '--nfmask 0xffffffff', '--ctmask 0xffffffff'];
const MARKS = ['--mark', '--set-xmark', '--tproxy-mark'];
/** Options of a match say which match it is; not so here: `socket` has none, and those of `connmark` are those of `mark`. */
const TELLING = ['socket', 'connmark'];
const FULL_MASK = '0xffffffff';

/**
 * Brings a rule (what follows its chain) into a spelling in which equal rules are equal texts: options sorted, numbers in one
 * form, without what the kernel adds (`-m tcp`, masks that mask nothing) or leaves out (`-d 0.0.0.0/0`).
 */
export function canonical(words: readonly string[]): string {
  return optionsOf(words)
    .map(simplify)
    .filter((option) => option !== undefined)
    .map(({ name, negated, values }) => [...(negated ? ['!'] : []), name, ...values].join(' '))
    .filter((text) => !DEFAULTS.includes(text))
    .sort()
    .join(' ');
}

function optionsOf(words: readonly string[]): readonly Option[] {
  const options: { name: string; negated: boolean; values: string[] }[] = [];
  let negated = false;
  for (const word of words) {
    if (word === '!') negated = true;
    else if (word.startsWith('-') && word.length > 1) {
      options.push({ name: word, negated, values: [] });
      negated = false;
    } else options.at(-1)?.values.push(word);
  }
  return options;
}

function simplify({ name, negated, values }: Option): Option | undefined {
  const [value = ''] = values;
  if (name === '-m' && !TELLING.includes(value)) return undefined;
  const long = ALIASES[name] ?? name;
  if (long === '-s' || long === '-d') {
    return value.endsWith('/0') ? undefined : { name: long, negated, values: [address(value)] };
  }
  if (MARKS.includes(long)) return { name: long, negated, values: [mark(value)] };
  return { name: long, negated, values };
}

function address(text: string): string {
  const [host = '', prefix] = text.split('/');
  const canonicalHost = normalizeIp(host) ?? host;
  return `${canonicalHost}/${prefix ?? (host.includes(':') ? 128 : 32)}`;
}

/** `1337` and `0x539/0xffffffff` are the same mark. */
function mark(text: string): string {
  const [value, mask = FULL_MASK] = text.split('/').map((part) => `0x${Number(part).toString(16)}`);
  return mask === FULL_MASK ? `${value}` : `${value}/${mask}`;
}
