import type { Readiness } from '../health/readiness.ts';
import { activeEpoch, type Effect, type SupervisorState } from './epochs/state.ts';

/** What went wrong with the last hot restart, as a note beside "ready"; undefined when it went well. */
export function restartNote(last: Pick<EffectRecord, 'outcome' | 'reason'> | undefined): string | undefined {
  if (last?.outcome !== 'rejected' && last?.outcome !== 'failed') return undefined;
  return `the last hot restart ${last.outcome === 'failed' ? 'failed' : 'was rejected'}: ${last.reason}`;
}

type EffectRecord = Extract<Effect, { readonly kind: 'record' }>;

/**
 * What the supervisor knows about readiness before anybody asks Envoy: undefined means "ask Envoy".
 * Leaving is not ready, whatever Envoy says; pilot-agent-1.30.md §10 items 6 and 9.
 */
export function knownReadiness(state: SupervisorState): Readiness | undefined {
  const { lifecycle } = state;
  switch (lifecycle.kind) {
    case 'draining':
      return { ready: false, reason: `draining: ${lifecycle.exit.why}` };
    case 'stopping':
    case 'ended':
      return { ready: false, reason: `terminating: ${lifecycle.exit.why}` };
    case 'backing-off':
      return { ready: false, reason: `Envoy has ended ${state.crashes} times and is started again soon` };
    case 'running':
  }
  if (state.drainAsked) return { ready: false, reason: 'draining: POST /drain' };
  if (state.epochs.length === 0) return { ready: false, reason: 'Envoy is being started' };
  // Between the moments when the parent closes its admin and the child is LIVE the parent serves, and nobody can be asked (trap 6).
  if (activeEpoch(state) !== undefined && state.attempt?.kind === 'starting') {
    return { ready: true, note: `hot restart to epoch ${state.attempt.number} is under way` };
  }
  return undefined;
}
