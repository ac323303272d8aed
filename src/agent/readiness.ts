import type { AgentConfig } from '../config/agent-config.ts';
import type { EnvoyAdmin } from '../envoy/admin.ts';
import { cachedProbe } from '../health/cached-probe.ts';
import { askEnvoy, type ConfigSource } from '../health/envoy-readiness.ts';
import type { Readiness } from '../health/readiness.ts';
import { millis } from '../platform/duration.ts';
import { activeEpoch, type Effect, type SupervisorState } from './epochs/state.ts';

/** How a hot restart ended, as far as readiness tells of it. */
export type LastRestart = Pick<Extract<Effect, { readonly kind: 'record' }>, 'outcome' | 'reason'>;

export interface ReadinessOptions {
  readonly config: Pick<AgentConfig, 'localConfig' | 'discoveryAddress'>;
  readonly state: () => SupervisorState;
  /** Of the Envoy that serves now. */
  readonly admin: () => EnvoyAdmin;
  /** Certificate files that the way to the control plane lacks. */
  readonly missingSecrets: () => readonly string[];
  readonly lastRestart: () => LastRestart | undefined;
  readonly onAnswer: (ready: boolean) => void;
}

/** How long an answer of Envoy's serves further probes: kubelet, Envoy's own status listener and people may ask at once. */
const MAX_AGE = millis(100);
/** Not ready may be over at any moment, and the application's start may wait for it: long enough only that a flood costs Envoy little. */
const MAX_AGE_NOT_READY = millis(10);

/** Readiness: what the supervisor knows, else what Envoy says, and what is missing on the way to the control plane. */
export function createReadiness(options: ReadinessOptions): () => Promise<Readiness> {
  const { config, admin } = options;
  const source: ConfigSource =
    config.localConfig === undefined
      ? { kind: 'xds', address: config.discoveryAddress }
      : { kind: 'files', folder: config.localConfig };
  const serving = () => activeEpoch(options.state())?.key;
  let asks: { readonly of: number | undefined; readonly ask: () => Promise<Readiness> } | undefined;
  /** No epoch answers for another: the one before may hang. */
  const ask = async (): Promise<Readiness> => {
    const of = serving();
    if (asks?.of !== of) asks = undefined;
    asks ??= {
      of,
      ask: cachedProbe(
        () => askEnvoy(admin(), source),
        (answer) => (answer.ready ? MAX_AGE : MAX_AGE_NOT_READY),
        () => performance.now(),
      ),
    };
    return asks.ask();
  };
  /** Envoy may have closed its admin while it was being asked, or another one may serve since. */
  const asked = async (): Promise<Readiness> => {
    const before = serving();
    const first = await ask();
    const said = first.ready || serving() === before ? first : await ask();
    return (said.ready ? undefined : knownReadiness(options.state())) ?? addNotes(said, options);
  };
  return async () => {
    const readiness = knownReadiness(options.state()) ?? (await asked());
    options.onAnswer(readiness.ready);
    return readiness;
  };
}

function addNotes(said: Readiness, { missingSecrets, lastRestart }: ReadinessOptions): Readiness {
  if (said.ready) {
    const notes = [said.note, restartNote(lastRestart())].filter((note) => note !== undefined);
    return { ready: true, note: notes.length === 0 ? undefined : notes.join('; ') };
  }
  const missing = missingSecrets();
  if (missing.length === 0) return said;
  return { ready: false, reason: `${said.reason}; certificates are missing: ${missing.join(', ')}` };
}

/** What went wrong with the last hot restart, as a note beside "ready"; undefined when it went well. */
function restartNote(last: LastRestart | undefined): string | undefined {
  if (last?.outcome !== 'rejected' && last?.outcome !== 'failed') return undefined;
  return `the last hot restart ${last.outcome === 'failed' ? 'failed' : 'was rejected'}: ${last.reason}`;
}

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
  return activeEpoch(state) === undefined ? undefined : readyUnasked(state);
}

/** The epoch that serves cannot be asked: it closes its admin when its child starts, and opens it no more (traps 2 and 6). */
function readyUnasked({ attempt, repairs }: SupervisorState): Readiness | undefined {
  if (attempt?.kind === 'starting') {
    return { ready: true, note: `hot restart to epoch ${attempt.number} is under way` };
  }
  const closed = repairs > 0 || (attempt?.kind === 'undoing' && !attempt.hangs);
  return closed ? { ready: true, note: "Envoy's admin is closed until the next hot restart" } : undefined;
}
