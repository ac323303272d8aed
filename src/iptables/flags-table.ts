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
  const rows = [...flags, ...variables].map((cells) => `| ${cells.join(' | ')} |`);
  return ['| flag | environment | default | what |', '| --- | --- | --- | --- |', ...rows].join('\n');
}
