import type { AppProbers } from '../config/app-probers.ts';
import type { Logger } from '../platform/logger.ts';
import { answerText } from './answers.ts';
import { toHeaderList } from './probes/headers.ts';
import { appProbe } from './probes/run-probe.ts';
import type { ProberOptions } from './probes/target.ts';
import { type Handler, pathOf } from './routes.ts';

const PREFIX = /^\/app-(?:health|lifecycle)\//;
export const isAppProbePath = (path: string): boolean => PREFIX.test(path);

/** `/app-health/...` and `/app-lifecycle/...`: asks the application in kubelet's place. A client that goes away ends its probe. The log says when the reason of a failure changes. */
export function appProbeRoute(probers: AppProbers, options: ProberOptions, log: Logger): Handler {
  const run = appProbe(options, log);
  const failing = new Map<string, string>();
  return async (request, response) => {
    const path = pathOf(request.url);
    const prober = probers.get(path);
    if (prober === undefined) {
      return answerText(response, 400, `app prober config does not exists for ${path}`);
    }
    const client = new AbortController();
    response.once('close', () => client.abort(new Error('the client of the probe went away')));
    const {
      status,
      body,
      reason = `answered ${status}`,
    } = await run(prober, toHeaderList(request.rawHeaders), client.signal);
    if (client.signal.aborted) return;
    if (status < 400) failing.delete(path);
    else if (failing.get(path) !== reason) {
      failing.set(path, reason);
      log.info(`application probe ${path} fails: ${reason}`);
    }
    answerText(response, status, body);
  };
}
