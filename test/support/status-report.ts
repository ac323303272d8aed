import type { StatusReport } from '../../src/health/status-report.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const MIB = 2 ** 20;

/** A sidecar in the middle of an afternoon: a crash, a rejected configuration, two hot restarts, the last one just over. */
export function busySidecar(now: number): StatusReport {
  const ago = (ms: number) => now - ms;
  return {
    version: '0.1.0',
    pid: 1,
    nodeId: 'sidecar~10.244.1.17~productpage-v1-5d9c7-x2v8k.default~default.svc.cluster.local',
    now,
    startedAt: ago(27 * HOUR + 14 * MINUTE),
    lifecycle: 'running',
    readiness: {
      ready: true,
      note: 'the last configuration was rejected: cluster "reviews": connect_timeout must be positive',
    },
    epochs: [
      {
        key: 1,
        epoch: 0,
        baseId: 73,
        pid: 812,
        phase: 'gone',
        since: {
          initializing: ago(9 * HOUR),
          serving: ago(9 * HOUR - 210),
          gone: ago(4 * MINUTE + 20 * SECOND),
        },
        config: '5b0f9c1d22ae',
        exit: 'signal SIGSEGV',
      },
      {
        key: 2,
        epoch: 0,
        baseId: 73,
        pid: 1907,
        phase: 'gone',
        since: {
          initializing: ago(4 * MINUTE + 20 * SECOND),
          serving: ago(4 * MINUTE + 20 * SECOND - 190),
          draining: ago(2 * MINUTE + 41 * SECOND),
          drained: ago(2 * MINUTE + 13 * SECOND),
          gone: ago(MINUTE + 41 * SECOND),
        },
        config: '5b0f9c1d22ae',
        exit: 'exit status 0',
      },
      {
        key: 3,
        epoch: 1,
        baseId: 73,
        pid: 2044,
        phase: 'draining',
        since: {
          initializing: ago(2 * MINUTE + 43 * SECOND),
          serving: ago(2 * MINUTE + 41 * SECOND),
          draining: ago(32 * SECOND),
        },
        config: '9a4e07f3b6c8',
        connections: 14,
        residentBytes: 58.3 * MIB,
      },
      {
        key: 4,
        epoch: 2,
        baseId: 73,
        pid: 2231,
        phase: 'serving',
        since: { initializing: ago(33 * SECOND + 400), serving: ago(32 * SECOND) },
        config: 'c27d81e90f54',
        connections: 231,
        residentBytes: 61.9 * MIB,
      },
    ],
    restarts: [
      {
        at: ago(11 * SECOND),
        durationMs: 84,
        triggers: ['mesh config /etc/istio/config/mesh changed'],
        epoch: 3,
        outcome: 'rejected',
        reason: 'cluster "reviews": connect_timeout must be positive',
      },
      {
        at: ago(33 * SECOND + 480),
        durationMs: 1_480,
        triggers: ['POST /restart', 'pod labels changed'],
        epoch: 2,
        outcome: 'live',
        reason: '',
      },
      {
        at: ago(2 * MINUTE + 43 * SECOND),
        durationMs: 2_071,
        triggers: ['SIGHUP'],
        epoch: 1,
        outcome: 'live',
        reason: '',
      },
      {
        at: ago(4 * MINUTE + 20 * SECOND),
        durationMs: 243,
        triggers: ['Envoy ended: signal SIGSEGV'],
        epoch: 0,
        outcome: 'live',
        reason: '',
      },
      {
        at: ago(3 * HOUR),
        durationMs: 6,
        triggers: ['pod annotations changed'],
        epoch: undefined,
        outcome: 'unchanged',
        reason: 'nothing changed',
      },
    ],
  };
}
