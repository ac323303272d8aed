import type { Findings } from './findings.ts';

const LEVELS = ['trace', 'debug', 'info', 'warning', 'warn', 'error', 'critical', 'off'];

export interface EnvoyLogLevels {
  /** Empty: Envoy is not told a level. */
  readonly level: string;
  /** `misc:error,upstream:debug`, or empty. */
  readonly components: string;
}

/**
 * Splits `--proxyLogLevel`, which may carry levels of components; those beat `--proxyComponentLogLevel`
 * (pilot-agent-1.30.md §5.2).
 * @param names how the two are called in messages
 */
export function splitEnvoyLogLevel(
  level: string,
  components: string,
  names: { readonly level: string; readonly components: string },
  findings: Findings,
): EnvoyLogLevels {
  const own = parse(level, names.level, findings);
  const separate = parse(components, names.components, findings);
  for (const plain of separate.plain) {
    findings.problems.push(
      `${names.components} "${components}": "${plain}" is not component:level; the level of all is --proxyLogLevel`,
    );
  }
  return {
    level: own.plain.at(-1) ?? (level.trim() === '' ? '' : 'warning'),
    components: (own.components.length > 0 ? own : separate).components.join(','),
  };
}

function parse(
  text: string,
  name: string,
  { problems, warnings }: Findings,
): { readonly plain: readonly string[]; readonly components: readonly string[] } {
  const plain: string[] = [];
  const components: string[] = [];
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    const parts = item.split(':');
    const level = parts.at(-1) ?? '';
    if (parts.length > 2) warnings.push(`${name}: "${item}" is not component:level, ignored`);
    else if (!LEVELS.includes(level) || parts[0] === '') {
      problems.push(`${name} "${text}": "${item}" has no level of Envoy, which are ${LEVELS.join(', ')}`);
    } else (parts.length === 1 ? plain : components).push(item);
  }
  return { plain, components };
}
