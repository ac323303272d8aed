import { compareOrigins, compareText, describeOrigin, type Origin } from './origin.ts';

/** Something that is wrong (error) or doubtful (warning) in a file of the mesh folder. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly origin: Origin;
  /** `Sidecar prod-us1/default`; empty when it is not known yet. */
  readonly resource: string;
  /** `spec.egress[1].hosts[0]`; empty when it is about the whole. */
  readonly field: string;
  /** The value at fault and what to do, without file and field. */
  readonly message: string;
}

/** One line for a log: `mesh/a.yaml:12: Sidecar prod-us1/default: spec.egress[0].hosts: at least one host is needed`. */
export function describeFinding({ origin, resource, field, message }: Finding): string {
  const document = origin.document > 1 ? ` (document ${origin.document})` : '';
  return [`${describeOrigin(origin)}${document}`, resource, field, message]
    .filter((part) => part !== '')
    .join(': ');
}

/** In the order of files and lines, errors first in a line, each once. */
export function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  const distinct = new Map(findings.map((one) => [`${one.severity} ${describeFinding(one)}`, one]));
  return [...distinct.values()].sort(
    (a, b) =>
      compareOrigins(a.origin, b.origin) ||
      compareText(a.severity, b.severity) ||
      compareText(a.field, b.field) ||
      compareText(a.message, b.message),
  );
}
