/**
 * Families: what a source declared, by what name all sources and both formats know it, and how it is written.
 *
 * A family's key is the name it has in the text format (`http_requests_total`, where OpenMetrics says `http_requests` of
 * type counter). Series keep their names whatever the format, so that a change of a scraper's `Accept` never renames what
 * is in somebody's dashboard. For that reason a counter whose samples do not end in `_total` (most of Envoy's) is of type
 * `unknown` in OpenMetrics, which has no counters of that shape.
 */
import type { Format, MetricType } from './format.ts';

/** What `# TYPE`, `# HELP` and `# UNIT` lines said, as they said it. */
export interface Declaration {
  readonly name: string;
  /** Undefined: there was no TYPE line. */
  readonly type: MetricType | undefined;
  readonly help: string | undefined;
  readonly unit: string | undefined;
}

export interface Family extends Omit<Declaration, 'name'> {
  readonly key: string;
}

const SUFFIXES: Readonly<Record<Format, Readonly<Partial<Record<MetricType, readonly string[]>>>>> = {
  text: {
    histogram: ['_bucket', '_sum', '_count'],
    summary: ['', '_sum', '_count'],
  },
  openmetrics: {
    counter: ['_total', '_created'],
    histogram: ['_bucket', '_sum', '_count', '_created'],
    gaugehistogram: ['_bucket', '_gsum', '_gcount'],
    summary: ['', '_sum', '_count', '_created'],
    info: ['_info'],
  },
};

/** The endings that samples of the family have, written in a format that has no `_created` unless it is OpenMetrics. */
export function sampleSuffixes(
  type: MetricType | undefined,
  input: Format,
  output: Format,
): readonly string[] {
  const suffixes = SUFFIXES[input][type ?? 'unknown'] ?? [''];
  return output === 'text' ? suffixes.filter((suffix) => suffix !== '_created') : suffixes;
}

/** The family that a declaration of one source makes, known by the same key in both formats. */
export function toFamily(declaration: Declaration, input: Format): Family {
  const { name, type, help, unit } = declaration;
  const suffix = input === 'text' ? '' : type === 'counter' ? '_total' : type === 'info' ? '_info' : '';
  return { key: `${name}${suffix}`, type, help, unit };
}

/** Whether samples of the one type may stand in a family of the other. What nobody declared goes with anything. */
export function compatible(a: MetricType | undefined, b: MetricType | undefined): boolean {
  const [one, other] = [a, b].map((type) =>
    type === 'info' || type === 'stateset' ? 'gauge' : (type ?? 'unknown'),
  );
  return one === other || one === 'unknown' || other === 'unknown';
}

/** One declaration for a family that several sources have: what the first of them says, completed by the others. */
export function joinFamilies(families: readonly Family[]): Family {
  const [first, ...others] = families;
  if (first === undefined) throw new Error('a family has at least one member');
  if (others.length === 0) return first;
  const known = families.find(({ type }) => type !== undefined && type !== 'unknown') ?? first;
  return {
    key: first.key,
    type: known.type,
    help: families.find(({ help }) => help)?.help,
    unit: known.unit,
  };
}

function openMetricsName({ key, type }: Family): string {
  if (type === 'counter') return key.replace(/_total$/, '');
  return type === 'info' ? key.replace(/_info$/, '') : key;
}

/** The lines before the samples of a family in the text format; nothing for what was never declared. */
export function textHead({ key, type, help }: Family): string {
  const name = type === 'unknown' ? 'untyped' : type === 'info' || type === 'stateset' ? 'gauge' : type;
  const helpLine = help ? `# HELP ${key} ${help.replace(/[\\\n]/g, escapeCharacter)}\n` : '';
  // Text has no gauge histogram; without a type its samples are three families of nothing in particular.
  return name === undefined || name === 'gaugehistogram' ? '' : `${helpLine}# TYPE ${key} ${name}\n`;
}

/**
 * The lines before the samples of a family in OpenMetrics (none for what was never declared), and the name it has there.
 * @param isTaken whether a family of that name is already in the answer. Text has room for a gauge `x` beside a counter
 *   `x_total` (Envoy has such pairs), OpenMetrics calls both `x`: the later one is then of unknown type, by its full name.
 */
export function openMetricsHead(
  family: Family,
  isTaken: (name: string) => boolean,
): { readonly name: string; readonly lines: string } {
  const { key, type, help, unit } = family;
  const short = openMetricsName(family);
  const name = isTaken(short) ? key : short;
  if (type === undefined || isTaken(name)) return { name, lines: '' };
  const isWhole = name === short && !(type === 'counter' && short === key);
  const typeLine = `# TYPE ${name} ${isWhole ? type : 'unknown'}\n`;
  const unitLine = unit && name.endsWith(`_${unit}`) ? `# UNIT ${name} ${unit}\n` : '';
  const helpLine = help ? `# HELP ${name} ${help.replace(/[\\\n"]/g, escapeCharacter)}\n` : '';
  return { name, lines: `${typeLine}${unitLine}${helpLine}` };
}

const escapeCharacter = (character: string) => (character === '\n' ? '\\n' : `\\${character}`);
