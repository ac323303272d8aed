/** Errors that a person reads. A class per kind that code distinguishes; everything else is `Error` with `cause`. */

/** What somebody typed or wrote is wrong. All problems of one input are reported together. Exit code 255, as in Istio. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly exitCode = 255;
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      problems.length === 1
        ? problems[0]
        : `${problems.length} errors occurred:\n${problems.map((problem) => `\t* ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

/** Something the agent needs from the machine is not to be had (a port, a folder, a binary). Exit code 1. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
  readonly exitCode = 1;
}

/** Turns whatever was thrown into an Error, so that every catch has a message to print. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The code of a system error (`ENOENT`), or undefined when the error is of another kind. */
export function errorCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}
