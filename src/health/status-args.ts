import { InputError } from '../platform/errors.ts';
import { parseFlags, wholeNumber } from './flags.ts';
import type { StatusOptions } from './status-client.ts';

const DEFAULT_PORT = 15020;
const MAX_PORT = 65535;

export const statusHelp = `Shows what the agent on this machine does: whether the sidecar is ready, its Envoy processes on a time axis, and the
last restarts. When no agent answers, ends with exit code 255 and the reason.

Usage:
  pilot-agent status [flags]

Flags:
  --statusPort N   the status port of the agent (default ${DEFAULT_PORT})
  --output FORM    "text" or "json" (default text); with --watch, JSON is a line per second
  --watch          show it again each second, until Ctrl-C
  -h, --help       this text

Colours are used on a terminal only, and not when NO_COLOR is set; blocks of Unicode when the locale is UTF-8.

Examples:
  pilot-agent status
  pilot-agent status --watch
  pilot-agent status --output json | jq '.epochs[] | {epoch, pid, phase}'
  kubectl exec -it deploy/productpage-v1 -c istio-proxy -- pilot-agent status --watch
`;

/**
 * Reads the arguments after `status`.
 * @throws InputError with every problem
 */
export function parseStatusArgs(
  argv: readonly string[],
): { readonly kind: 'help' } | { readonly kind: 'status'; readonly options: StatusOptions } {
  const parsed = parseFlags(argv, ['statusPort', 'output'], ['watch']);
  if (parsed.help) return { kind: 'help' };
  const problems = [...parsed.problems];
  const port = wholeNumber(parsed, 'statusPort', DEFAULT_PORT, 1, problems);
  if (port > MAX_PORT) problems.push(`--statusPort: expected a port, at most ${MAX_PORT}, got "${port}"`);
  const output = parsed.values.get('output') ?? 'text';
  if (output !== 'text' && output !== 'json') {
    problems.push(`--output: expected "text" or "json", got "${output}"`);
  }
  for (const extra of parsed.positionals) problems.push(`status takes no argument, got "${extra}"`);
  if (problems.length > 0) throw new InputError(problems);
  const watch = parsed.switches.has('watch');
  return { kind: 'status', options: { port, output: output === 'json' ? 'json' : 'text', watch } };
}
