import { parseArgs } from 'node:util';
import type { Mode } from './plan.ts';

export interface Options {
  /** Undefined: `redirect` where that can be, otherwise `none`. */
  readonly mode: Mode | undefined;
  readonly sidecars: boolean;
  /** Only takes away what a run that was killed has left. */
  readonly remove: boolean;
  readonly help: boolean;
}

export const HELP = `npm run bookinfo [-- FLAGS]: an application of six small services on this machine, each with its own sidecar.

  --mode MODE        redirect: every service in a network namespace of its own, redirected by iptables (needs root);
                     none: all on loopback, without redirection; by default redirect, and none where that cannot be
  --without-sidecars the services alone
  --remove           take away what a run that was killed has left
  --help             this text
`;

const OPTIONS = {
  mode: { type: 'string' },
  'without-sidecars': { type: 'boolean' },
  remove: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** @throws Error with every problem of the command line */
export function readOptions(argv: readonly string[]): Options {
  const { values, tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const problems = tokens.flatMap((token) => {
    if (token.kind === 'positional') return `"${token.value}" is not expected here`;
    if (token.kind !== 'option' || token.name in OPTIONS) return [];
    return `unknown flag ${token.rawName}`;
  });
  const { mode } = values;
  if (mode !== undefined && mode !== 'redirect' && mode !== 'none') {
    problems.push(`--mode: expected redirect or none, got "${mode === true ? '' : mode}"`);
  }
  if (problems.length > 0) throw new Error(`${problems.join('\n')}\n\n${HELP}`);
  return {
    mode: mode === 'redirect' || mode === 'none' ? mode : undefined,
    sidecars: values['without-sidecars'] !== true,
    remove: values.remove === true,
    help: values.help === true,
  };
}
