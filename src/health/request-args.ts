import { InputError } from '../platform/errors.ts';
import { parseFlags, wholeNumber } from './flags.ts';
import type { RequestOptions } from './request.ts';

/** Envoy's admin, the debug interface of old agents, the agent's status port, Envoy's health listener. */
const ALLOWED_PORTS: readonly number[] = [15000, 15004, 15020, 15021];
/** RFC 9110 §5.6.2 `token`. */
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export const requestHelp = `Sends one HTTP request to Envoy or to the agent on this machine and prints the body of the answer.
A status over 399, 404 excepted, ends with exit code 255.

Usage:
  pilot-agent request <method> <path> [<body>] [flags]

Flags:
  --debug-port N  the port to ask: one of ${ALLOWED_PORTS.join(', ')} (default 15000, Envoy's admin interface)
  -h, --help      this text

Examples:
  pilot-agent request GET stats?filter=server
  pilot-agent request POST 'logging?level=debug'
  pilot-agent request --debug-port=15020 POST drain
`;

/**
 * Reads the arguments after `request`.
 * @throws InputError with every problem
 */
export function parseRequestArgs(
  argv: readonly string[],
): { readonly kind: 'help' } | { readonly kind: 'request'; readonly options: RequestOptions } {
  const parsed = parseFlags(argv, ['debug-port']);
  if (parsed.help) return { kind: 'help' };
  const problems = [...parsed.problems];
  const port = wholeNumber(parsed, 'debug-port', 15000, 1, problems);
  if (!ALLOWED_PORTS.includes(port)) {
    problems.push(`--debug-port: debug port ${port} is not in allowed list [${ALLOWED_PORTS.join(' ')}]`);
  }
  const [method = '', path = '', body, ...extra] = parsed.positionals;
  if (parsed.positionals.length < 2) {
    problems.push('request takes a method and a path, for example: pilot-agent request GET stats');
  }
  if (method !== '' && !METHOD.test(method))
    problems.push(`expected an HTTP method such as GET, got "${method}"`);
  for (const each of extra) problems.push(`unexpected argument "${each}" after the body`);
  if (problems.length > 0) throw new InputError(problems);
  return { kind: 'request', options: { port, method, path, body } };
}
