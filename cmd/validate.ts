import { text } from 'node:stream/consumers';
import { runValidate } from '../src/mesh/validate/validate.ts';
import { parseValidateArgs, validateHelp } from '../src/mesh/validate/validate-args.ts';
import { print } from './print.ts';

/** `pilot-agent validate`: 0 when the files are sound, 1 when something is wrong with them. */
export async function validate(argv: readonly string[]): Promise<number> {
  const parsed = parseValidateArgs(argv);
  if (parsed.kind === 'help') {
    print(1, validateHelp);
    return 0;
  }
  return runValidate(parsed.options, {
    write: (report) => void print(1, report),
    readInput: () => text(process.stdin),
  });
}
