import { FLAGS, VARIABLES } from './flags.ts';

/** The flags and variables of `istio-iptables` as a Markdown table, for the documentation. */
export function flagsTable(): string {
  const flags = FLAGS.map(({ name, short, value, env, fallback, modern, text }) => [
    `${short === undefined ? '' : `\`-${short}\`, `}\`--${name}${value === undefined ? '' : ` ${value}`}\``,
    env.map((each) => `\`${each}\``).join(', '),
    fallback === '' ? '' : `\`${fallback}\``,
    `${text}${modern ? ' (1.30)' : ''}`,
  ]);
  const variables = VARIABLES.map(({ name, fallback, modern, text }) => [
    '',
    `\`${name}\``,
    fallback === '' ? '' : `\`${fallback}\``,
    `${text}${modern ? ' (1.30)' : ''}`,
  ]);
  const rows = [['flag', 'environment', 'default', 'what'], ...flags, ...variables];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill = ' ') =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width, fill)).join(' | ')} |`;
  const [head = [], ...rest] = rows;
  return [line(head), line([], '-'), ...rest.map((row) => line(row))].join('\n');
}
