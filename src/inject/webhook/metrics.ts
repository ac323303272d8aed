import Counter from 'prom-client/lib/counter.js';
import Histogram from 'prom-client/lib/histogram.js';
import Registry from 'prom-client/lib/registry.js';
import type { Outcome } from './review.ts';

/** What the webhook has done, under the names that Istio gives it. */
export interface InjectorMetrics {
  /** @param seconds from the whole request to the whole answer */
  count(outcome: Outcome, seconds: number): void;
  countReload(what: 'configuration' | 'certificate', result: 'ok' | 'failed'): void;
  /** All of it, in Prometheus' text format. */
  render(): Promise<string>;
  readonly contentType: string;
}

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

export function createInjectorMetrics(): InjectorMetrics {
  const registry = new Registry();
  const counter = <L extends string = never>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames: [...labelNames], registers: [registry] });
  const requests = counter('sidecar_injection_requests_total', 'Requests to inject a pod.');
  const success = counter('sidecar_injection_success_total', 'Pods that got a sidecar.');
  const failure = counter('sidecar_injection_failure_total', 'Requests that were refused.');
  const skip = counter('sidecar_injection_skip_total', 'Pods that were left as they are.', ['reason']);
  const reloads = counter('sidecar_injector_reloads_total', 'Changed files that were read again.', [
    'what',
    'result',
  ]);
  const time = new Histogram({
    name: 'sidecar_injection_time_seconds',
    help: 'Time that one injection took.',
    buckets: BUCKETS,
    registers: [registry],
  });
  return {
    count: (outcome, seconds) => {
      requests.inc();
      time.observe(seconds);
      if (outcome.kind === 'injected') success.inc();
      else if (outcome.kind === 'failed') failure.inc();
      else skip.inc({ reason: outcome.reason });
    },
    countReload: (what, result) => reloads.inc({ what, result }),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
