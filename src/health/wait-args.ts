import { millis } from '../platform/duration.ts';
import { InputError } from '../platform/errors.ts';
import { parseFlags, wholeNumber } from './flags.ts';
import type { WaitOptions } from './wait.ts';

const DEFAULT_URL = 'http://localhost:15021/healthz/ready';

export const waitHelp = `Waits until the Envoy proxy is ready, or ends with exit code 255 and the reason.

Usage:
  pilot-agent wait [flags]

Flags:
  --timeoutSeconds N        how long to wait in all, in seconds (default 60)
  --requestTimeoutMillis N  how long one question may take, in milliseconds (default 500)
  --periodMillis N          pause between two questions, in milliseconds (default 500)
  --url URL                 what to ask (default ${DEFAULT_URL})
  -h, --help                this text

Examples:
  pilot-agent wait
  pilot-agent wait --timeoutSeconds 120 --periodMillis 100
  pilot-agent wait --url http://localhost:15020/healthz/ready
`;

/**
 * Reads the arguments after `wait`.
 * @throws InputError with every problem
 */
export function parseWaitArgs(
  argv: readonly string[],
): { readonly kind: 'help' } | { readonly kind: 'wait'; readonly options: WaitOptions } {
  const parsed = parseFlags(argv, ['timeoutSeconds', 'requestTimeoutMillis', 'periodMillis', 'url']);
  if (parsed.help) return { kind: 'help' };
  const problems = [...parsed.problems];
  const options = {
    url: parsed.values.get('url') ?? DEFAULT_URL,
    timeout: millis(wholeNumber(parsed, 'timeoutSeconds', 60, 0, problems) * 1000),
    requestTimeout: millis(wholeNumber(parsed, 'requestTimeoutMillis', 500, 1, problems)),
    period: millis(wholeNumber(parsed, 'periodMillis', 500, 1, problems)),
  };
  if (!/^https?:\/\//i.test(options.url) || !URL.canParse(options.url)) {
    problems.push(`--url: expected a URL such as ${DEFAULT_URL}, got "${options.url}"`);
  }
  for (const extra of parsed.positionals) problems.push(`wait takes no argument, got "${extra}"`);
  if (problems.length > 0) throw new InputError(problems);
  return { kind: 'wait', options };
}
