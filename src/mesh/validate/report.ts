/** What `validate` prints. */
import type { Finding } from '../model/finding.ts';
import { describeOrigin } from '../model/origin.ts';

export interface ValidateReport {
  readonly files: number;
  readonly resources: number;
  /** In the order of files and lines. */
  readonly findings: readonly Finding[];
}

/** Columns as wide as their widest cell, the message last; then a line that sums up. */
export function renderTable({ files, resources, findings }: ValidateReport): string {
  const rows = findings.map(({ origin, severity, resource, field, message }) =>
    [describeOrigin(origin), severity, resource, field, message].map(printable),
  );
  const table = rows.length === 0 ? [] : [['WHERE', 'LEVEL', 'RESOURCE', 'FIELD', 'MESSAGE'], ...rows];
  const widths = [0, 1, 2, 3].map((i) =>
    table.reduce((most, row) => Math.max(most, (row[i] ?? '').length), 0),
  );
  const lines = table.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const { errors, warnings } = count(findings);
  const read = `${plural(files, 'file')}, ${plural(resources, 'sound resource')}`;
  const found =
    findings.length === 0 ? 'nothing wrong' : `${plural(errors, 'error')}, ${plural(warnings, 'warning')}`;
  return [...lines, `${read}: ${found}`].map((line) => `${line}\n`).join('');
}

export function renderJson({ files, resources, findings }: ValidateReport): string {
  const { errors, warnings } = count(findings);
  const report = {
    valid: errors === 0,
    files,
    resources,
    errors,
    warnings,
    findings: findings.map(({ severity, origin, resource, field, message }) => ({
      severity,
      ...origin,
      resource,
      field,
      message,
    })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

function count(findings: readonly Finding[]): { readonly errors: number; readonly warnings: number } {
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  return { errors, warnings: findings.length - errors };
}

function plural(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** A text from a file must not steer the terminal. */
function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ');
}
