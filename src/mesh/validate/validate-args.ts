import { parseArgs } from 'node:util';
import { InputError } from '../../platform/errors.ts';

export interface ValidateOptions {
  /** Files and folders; `-` is standard input. */
  readonly paths: readonly string[];
  readonly output: 'table' | 'json';
}

export const validateHelp = `Checks the files of a mesh folder: Service, Endpoints, EndpointSlice, Pod, ServiceEntry, WorkloadEntry, Sidecar.
Prints everything that is wrong or not supported, with file and line. Exit code 0 when nothing is wrong (warnings are
allowed), 1 when something is.

Usage:
  pilot-agent validate -f FILE [-f FILE ...] [flags]

Flags:
  -f, --filename PATH  a file, a folder, or "-" for standard input; may be given several times
  --output FORM        "table" or "json" (default table)
  -h, --help           this text

Examples:
  pilot-agent validate -f mesh
  pilot-agent validate -f sidecar.yaml -f services.yaml
  kubectl get sidecar -A -o yaml | pilot-agent validate -f - --output json | jq '.findings[].message'
`;

/**
 * Reads the arguments after `validate`.
 * @throws InputError with every problem
 */
export function parseValidateArgs(
  argv: readonly string[],
): { readonly kind: 'help' } | { readonly kind: 'validate'; readonly options: ValidateOptions } {
  const { values, positionals, tokens } = parseArgs({
    args: [...argv],
    options: {
      filename: { type: 'string', short: 'f', multiple: true },
      output: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  if (values['help'] !== undefined) return { kind: 'help' };
  const problems: string[] = [];
  const paths: string[] = [...positionals];
  let output = 'table';
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName } = token;
    // As in the original's flags, `-f=FILE` is `-f FILE`.
    const value = rawName === '-f' ? token.value?.replace(/^=/, '') : token.value;
    if (name !== 'filename' && name !== 'output') {
      problems.push(`unknown flag: ${rawName} (known: -f, --filename, --output)`);
    } else if (value === undefined || value === '') problems.push(`${rawName}: a value is missing`);
    else if (name === 'filename') paths.push(value);
    else output = value;
  }
  if (output !== 'table' && output !== 'json') {
    problems.push(`--output: expected "table" or "json", got "${output}"`);
  }
  if (paths.length === 0 && problems.length === 0) {
    problems.push('nothing to check: pass a file or folder with -f, or "-f -" for standard input');
  }
  if (problems.length > 0) throw new InputError(problems);
  return {
    kind: 'validate',
    options: { paths: [...new Set(paths)], output: output === 'json' ? 'json' : 'table' },
  };
}
