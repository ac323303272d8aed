/** The generated part of docs/reference.md. */
import { SETTINGS } from './schema.ts';
import { GROUPS, type Setting } from './settings/setting.ts';

/** Markdown: for each group a table of its flags, then one of what has no flag. */
export function flagsReference(): string {
  const settings = SETTINGS.map(([, setting]) => setting);
  const flags = GROUPS.map((group) => ({
    title: group,
    rows: settings.filter((setting) => setting.group === group && setting.flag !== undefined).map(flagRow),
  }));
  const others = settings
    .filter((setting) => setting.flag === undefined && sources(setting) !== '')
    .map((setting) => [sources(setting), defaultOf(setting), setting.doc]);
  return [
    ...flags
      .filter(({ rows }) => rows.length > 0)
      .map(
        ({ title, rows }) =>
          `### ${title}\n\n${table(['Flag', 'Default', 'Also set by', 'What it does'], rows)}`,
      ),
    `### Without a flag\n\n${table(['Set by', 'Default', 'What it does'], others)}`,
  ].join('\n');
}

function flagRow(setting: Setting): readonly string[] {
  const names = [setting.flag, ...(setting.aliases ?? [])].map((name) => `\`--${name}\``).join(', ');
  return [names, defaultOf(setting), sources(setting), setting.doc];
}

function defaultOf({ default: value, defaultDoc }: Setting): string {
  if (defaultDoc !== undefined) return defaultDoc;
  return value === null || value === '' || value === '{}' ? '' : `\`${value}\``;
}

function sources({ variable, field, annotation }: Setting): string {
  return [
    variable === undefined ? '' : `env \`${variable}\``,
    field === undefined ? '' : `ProxyConfig \`${field}\``,
    annotation === undefined ? '' : `annotation \`${annotation}\``,
  ]
    .filter((text) => text !== '')
    .join(', ');
}

/** Columns are aligned, so that the page reads well as text and the formatter has nothing to change. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_title, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill: string): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width, fill)).join(' | ')} |\n`;
  const [title = [], ...body] = cells;
  return line(title, ' ') + line([], '-') + body.map((row) => line(row, ' ')).join('');
}
