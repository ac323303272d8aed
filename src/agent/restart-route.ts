import { answerText } from '../health/answers.ts';
import { type Handler, localPost } from '../health/routes.ts';
import type { Outcome } from './epochs/state.ts';
import type { Triggers } from './triggers.ts';

const STATUS: Readonly<Record<Outcome, number>> = {
  live: 200,
  unchanged: 200,
  rejected: 422,
  failed: 500,
  refused: 503,
};

/** `POST /restart`: asks for a hot restart, waits for its outcome and answers with it as JSON. */
export function restartRoute(triggers: Triggers): Handler {
  return localPost(async (_, response) => {
    const outcome = await triggers.ask('request', 'POST /restart');
    answerText(response, STATUS[outcome.outcome], `${JSON.stringify(outcome)}\n`, {
      'content-type': 'application/json',
    });
  });
}
