import { EnvironmentError, toError } from '../src/platform/errors.ts';
import { print } from './print.ts';

/** Istio's exit code for whatever a command could not do. */
const FAILED = 255;

/** Ends the process with the exit code of a command, or with its error on standard error. */
export function endWith(command: Promise<number>): void {
  command.then(
    (code) => process.exit(code),
    (thrown: unknown) => {
      const error = toError(thrown);
      print(2, `Error: ${error.message}\n`);
      process.exit(error instanceof EnvironmentError ? error.exitCode : FAILED);
    },
  );
}
