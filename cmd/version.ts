import { parseArgs } from 'node:util';
import { buildInfo } from '../src/platform/build-info.ts';
import { InputError, toError } from '../src/platform/errors.ts';
import { print } from './print.ts';

const help = `Print the version of pilot-agent.

Usage:
  pilot-agent version [flags]

Flags:
  -s, --short            the version alone
  -o, --output <form>    "json" or "yaml"; default: text
  -h, --help             print this

Examples:
  pilot-agent version --short
  pilot-agent version -o json
`;

export function version(argv: readonly string[]): number {
  const { short, output, help: wantsHelp } = parse(argv);
  if (wantsHelp) print(1, help);
  else if (output === 'json') print(1, `${JSON.stringify({ clientVersion: buildInfo }, null, 2)}\n`);
  else if (output === 'yaml') print(1, yaml(buildInfo));
  else if (short) print(1, `client version: ${buildInfo.version}\n`);
  else print(1, `client version: version.BuildInfo{${fields(buildInfo)}}\n`);
  return 0;
}

interface Options {
  readonly short: boolean;
  readonly output: 'text' | 'json' | 'yaml';
  readonly help: boolean;
}

function parse(argv: readonly string[]): Options {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        short: { type: 'boolean', short: 's', default: false },
        output: { type: 'string', short: 'o', default: 'text' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    const { short, output, help: wantsHelp } = values;
    if (output !== 'json' && output !== 'yaml' && output !== 'text') {
      throw new InputError([`--output "${output}": expected "json" or "yaml"`]);
    }
    return { short, output, help: wantsHelp };
  } catch (thrown) {
    throw thrown instanceof InputError ? thrown : new InputError([toError(thrown).message]);
  }
}

function yaml(info: Readonly<Record<string, string>>): string {
  const lines = Object.entries(info).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`);
  return ['clientVersion:', ...lines, ''].join('\n');
}

function fields(info: Readonly<Record<string, string>>): string {
  return Object.entries(info)
    .map(([key, value]) => `${key}:${JSON.stringify(value)}`)
    .join(', ');
}
