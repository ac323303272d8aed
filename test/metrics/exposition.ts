/** A small, strict reader of both formats, written apart from the one under test. It throws at what a scraper dislikes. */

export interface Exposition {
  /** `name{sorted labels} value @timestamp`, sorted. */
  readonly samples: string[];
  /** Family name -> type, as declared. */
  readonly types: ReadonlyMap<string, string>;
}

const SAMPLE =
  /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (NaN|[+-]Inf|[-+]?[0-9.]+(?:e[-+]?[0-9]+)?)(?: (-?[0-9.]+))?( # \{.*)?$/i;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/g;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count', '_created'],
  gaugehistogram: ['_bucket', '_gsum', '_gcount'],
  summary: ['', '_sum', '_count', '_created'],
};

/** @throws when the body breaks a rule: declarations twice or late, a family in pieces, no `# EOF`, lines of no meaning */
export function readExposition(body: string, format: 'text' | 'openmetrics'): Exposition {
  const types = new Map<string, string>();
  const closed = new Set<string>();
  const samples: string[] = [];
  let family = '';
  const enter = (name: string) => {
    if (name === family) return;
    if (closed.has(name)) throw new Error(`family ${name} is in pieces`);
    closed.add(family);
    family = name;
  };
  if (format === 'openmetrics' && !body.endsWith('# EOF\n')) throw new Error('no # EOF');
  const whole = format === 'openmetrics' ? body.slice(0, -'# EOF\n'.length) : body;
  if (whole !== '' && !whole.endsWith('\n')) throw new Error('no newline at the end');
  const seen = new Set<string>();
  for (const line of whole.split('\n').slice(0, -1)) {
    const [, keyword, name, rest] = /^# (HELP|TYPE|UNIT) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword !== undefined && name !== undefined) {
      enter(name);
      if (seen.has(`${keyword} ${name}`)) throw new Error(`${keyword} ${name} twice`);
      seen.add(`${keyword} ${name}`);
      if (samples.some((sample) => sample.startsWith(`${name}{`)))
        throw new Error(`${keyword} ${name} comes late`);
      if (keyword === 'TYPE') types.set(name, rest ?? '');
      continue;
    }
    const [match, metric = '', labels = '', value = '', time = ''] = SAMPLE.exec(line) ?? [];
    if (match === undefined) throw new Error(`not a line: ${JSON.stringify(line)}`);
    enter(familyOf(metric, types, format));
    const pairs = [...labels.matchAll(LABEL)].map(([pair]) => pair).sort();
    samples.push(`${metric}{${pairs.join(',')}} ${value} @${timestamp(time, format)}`);
  }
  return { samples: samples.sort(), types };
}

const timestamp = (time: string, format: string) =>
  time === '' ? '' : String(format === 'text' ? Number(time) : Math.round(Number(time) * 1_000));

function familyOf(metric: string, types: ReadonlyMap<string, string>, format: string): string {
  if (types.has(metric) && types.get(metric) !== 'histogram') return metric;
  for (const [name, type] of types) {
    const suffixes = format === 'openmetrics' && type === 'counter' ? ['_total', '_created'] : SUFFIXES[type];
    const all = type === 'info' ? ['_info'] : (suffixes ?? ['']);
    if (all.some((suffix) => metric === `${name}${suffix}`)) return name;
  }
  return metric;
}
