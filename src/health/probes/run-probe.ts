import type { AppProber } from '../../config/app-probers.ts';
import { startDeadline } from '../../platform/deadline.ts';
import { toError } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { probeGrpc } from './grpc.ts';
import type { HeaderList } from './headers.ts';
import { httpProbe } from './http.ts';
import { failed, type ProbeResult } from './result.ts';
import { type ProberOptions, probeTarget } from './target.ts';
import { probeTcp } from './tcp.ts';

/** Runs one probe of the application. Never throws: what goes wrong is a 500 with the reason in one line. */
export type RunProbe = (prober: AppProber, incoming: HeaderList, signal: AbortSignal) => Promise<ProbeResult>;

/** @param log the source address that cannot be bound is said here, once */
export function appProbe(options: ProberOptions, log: Logger): RunProbe {
  const target = probeTarget(options, log);
  const probeHttp = httpProbe(target, options);

  function run(prober: AppProber, incoming: HeaderList, signal: AbortSignal): Promise<ProbeResult> {
    switch (prober.kind) {
      case 'http':
        return probeHttp(prober, incoming, signal);
      case 'tcp':
        return probeTcp(prober, target, signal);
      case 'grpc': {
        const userAgent = incoming.find(([name]) => name.toLowerCase() === 'user-agent')?.[1];
        return probeGrpc(prober, userAgent, target, signal);
      }
    }
  }

  return async (prober, incoming, client) => {
    const what = `${prober.kind} probe of ${target.host} port ${prober.port}`;
    const deadline = startDeadline(prober.timeout, what, client);
    try {
      return await run(prober, incoming, deadline.signal);
    } catch (thrown) {
      const error = toError(thrown);
      return failed(error.name === 'TimeoutError' ? error.message : `${what} failed: ${error.message}`);
    } finally {
      deadline.release();
    }
  };
}
