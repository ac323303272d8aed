import { sendRequest } from '../src/health/request.ts';
import { parseRequestArgs, requestHelp } from '../src/health/request-args.ts';
import { print } from './print.ts';

/** `pilot-agent request <method> <path> [<body>]`: prints the answer. */
export async function request(argv: readonly string[]): Promise<number> {
  const parsed = parseRequestArgs(argv);
  if (parsed.kind === 'help') print(1, requestHelp);
  else print(1, `${await sendRequest(parsed.options)}\n`);
  return 0;
}
