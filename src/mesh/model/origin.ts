/** Where in the mesh folder something was written, so that a warning or `--explain` can lead to it. */
export interface Origin {
  /** As it was given: the path of a file, or `-` for standard input. */
  readonly file: string;
  /** Which document of the file, from 1. */
  readonly document: number;
  /** Which line of the file, from 1. */
  readonly line: number;
}

/** `mesh/reviews.yaml:12`, which editors and terminals make a link of. */
export function describeOrigin({ file, line }: Origin): string {
  return `${file}:${line}`;
}

/** Order of files by name, then of lines: what decides between equals, whatever order the files were read in. */
export function compareOrigins(a: Origin, b: Origin): number {
  return compareText(a.file, b.file) || a.line - b.line || a.document - b.document;
}

/** Order by code units: the same on every machine, whatever its locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
