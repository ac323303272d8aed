import { toError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { answerText } from './answers.ts';
import type { Readiness } from './readiness.ts';
import type { Handler } from './routes.ts';

/**
 * `/healthz/ready`: 200, empty or with a note; 503 with the reason in one line. The log gets a line when the answer changes, not
 * one per probe.
 */
export function readinessRoute(ask: () => Promise<Readiness>, log: Logger): Handler {
  let last: string | undefined;
  return async (_, response) => {
    const readiness = await ask().catch(
      (thrown: unknown): Readiness => ({ ready: false, reason: toError(thrown).message }),
    );
    const text = oneLine(readiness.ready ? readiness.note : readiness.reason);
    const line = readiness.ready
      ? `Envoy proxy is ready${text === '' ? '' : `: ${text}`}`
      : `Envoy proxy is NOT ready: ${text}`;
    if (line !== last) log.info(line);
    last = line;
    answerText(response, readiness.ready ? 200 : 503, text === '' ? '' : `${text}\n`);
  };
}

const oneLine = (text: string | undefined) => (text ?? '').replace(/\s+/g, ' ').trim();
