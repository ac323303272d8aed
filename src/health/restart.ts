import { type Millis, millis } from '../platform/duration.ts';
import { InputError } from '../platform/errors.ts';
import { parseFlags, wholeNumber } from './flags.ts';
import { callLocal } from './local-client.ts';

export const restartHelp = `Hot-restarts Envoy: a new one takes over, and no request is lost. Waits for the outcome and prints it.
Exit code 0 when the new Envoy serves, or nothing had changed; 1 when the old one goes on serving; 255 without an agent.

Usage:
  pilot-agent restart [flags]

Flags:
  --statusPort N        the status port of the agent (default 15020)
  --timeoutSeconds N    how long to wait for the outcome (default 180)
  --output text|json    how to print it (default text)
  -h, --help            this text

Examples:
  pilot-agent restart
  pilot-agent restart --output json | jq -r .outcome
`;

export interface RestartOptions {
  readonly port: number;
  readonly deadline: Millis;
  readonly output: 'text' | 'json';
}

export interface RestartResult {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * Reads the arguments after `restart`.
 * @throws InputError with every problem
 */
export function parseRestartArgs(
  argv: readonly string[],
): { readonly kind: 'help' } | { readonly kind: 'restart'; readonly options: RestartOptions } {
  const parsed = parseFlags(argv, ['statusPort', 'timeoutSeconds', 'output']);
  if (parsed.help) return { kind: 'help' };
  const problems = [...parsed.problems];
  const port = wholeNumber(parsed, 'statusPort', 15020, 1, problems);
  const timeout = wholeNumber(parsed, 'timeoutSeconds', 180, 1, problems);
  const output = parsed.values.get('output') ?? 'text';
  if (output !== 'text' && output !== 'json') problems.push(`--output "${output}": expected text or json`);
  for (const each of parsed.positionals) problems.push(`unexpected argument "${each}"`);
  if (problems.length > 0) throw new InputError(problems);
  return {
    kind: 'restart',
    options: { port, deadline: millis(timeout * 1_000), output: output === 'json' ? 'json' : 'text' },
  };
}

const MAX_BYTES = 64 * 1024;

/**
 * Asks the agent of this machine for a hot restart.
 * @throws Error when there is no agent, or no answer in time
 */
export async function requestRestart({ port, deadline, output }: RestartOptions): Promise<RestartResult> {
  const url = `http://localhost:${port}/restart`;
  const { status, body } = await callLocal({ url, method: 'POST', deadline, maxBytes: MAX_BYTES });
  const answer = body.toString('utf8').trim();
  const outcome = parseOutcome(answer);
  if (outcome === undefined) throw new Error(`POST ${url} answered ${status}: ${answer}`);
  const exitCode = outcome.outcome === 'live' || outcome.outcome === 'unchanged' ? 0 : 1;
  return { text: output === 'json' ? answer : describe(outcome), exitCode };
}

interface Outcome {
  readonly outcome: string;
  readonly epoch: number | undefined;
  readonly reason: string;
}

function parseOutcome(text: string): Outcome | undefined {
  try {
    const { outcome, epoch, reason } = JSON.parse(text) as Record<string, unknown>;
    if (typeof outcome !== 'string') return undefined;
    return {
      outcome,
      epoch: typeof epoch === 'number' ? epoch : undefined,
      reason: typeof reason === 'string' ? reason : '',
    };
  } catch {
    return undefined;
  }
}

function describe({ outcome, epoch, reason }: Outcome): string {
  switch (outcome) {
    case 'live':
      return `Epoch ${epoch} is LIVE; the epoch before it drains`;
    case 'unchanged':
      return `Nothing to do: ${reason}`;
    case 'rejected':
      return `Rejected, the old Envoy goes on serving: ${reason}`;
    case 'refused':
      return `Refused: ${reason}`;
    default:
      return `Failed, the old Envoy goes on serving: ${reason}`;
  }
}
