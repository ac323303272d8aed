import { readdirSync, readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';

/**
 * What the agent itself costs, under our own prefix: `process_*` without it belongs to the application. Read when asked
 * for, never by a timer.
 */
export function addProcessMetrics(registry: Registry): void {
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    new Gauge({
      name: `istio_agent_process_${name}`,
      help,
      registers: [registry],
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  new Counter({
    name: 'istio_agent_process_cpu_seconds_total',
    help: 'Processor time that the agent has used, user and system, in seconds.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  gauge('resident_memory_bytes', 'Resident memory of the agent in bytes.', () => process.memoryUsage.rss());
  gauge('open_fds', 'Open file descriptors of the agent.', () =>
    attempt(() => readdirSync('/proc/self/fd').length),
  );
  let maxFds: number | undefined;
  gauge('max_fds', 'Most file descriptors that the agent may open.', () => {
    maxFds ??= attempt(() =>
      Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]),
    );
    return maxFds;
  });
  gauge(
    'start_time_seconds',
    'Start of the agent in seconds since the Unix epoch.',
    () => performance.timeOrigin / 1_000,
  );
}

/** Undefined where /proc does not say: a metric that is missing is better than one that is wrong. */
function attempt(read: () => number): number | undefined {
  try {
    const value = read();
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
