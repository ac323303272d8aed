import type { Closable } from '../platform/closable.ts';
import type { Effect, Outcome, SupervisorEvent, Trigger, TriggerKind } from './epochs/state.ts';

/** How a hot restart ended, for whoever asked. */
export interface RestartOutcome {
  readonly outcome: Outcome;
  /** The new epoch, or the one that was tried; undefined when none was. */
  readonly epoch: number | undefined;
  /** Empty when it went well. */
  readonly reason: string;
}

export interface Triggers extends Closable {
  /** Asks for a hot restart. Files that change within a moment make one; what a person asks for begins at once. */
  ask(kind: TriggerKind, detail: string): Promise<RestartOutcome>;
  /** Tells whoever asked. */
  settle(record: Extract<Effect, { readonly kind: 'record' }>): void;
}

/** An editor saves in several steps, a ConfigMap comes in several files: they are one change. */
const DEBOUNCE_MS = 100;
const COMES_IN_STEPS: readonly TriggerKind[] = ['input', 'binary'];

/** Gathers triggers, hands them to the supervisor, and remembers who waits for what becomes of them. */
export function createTriggers(dispatch: (event: SupervisorEvent) => void): Triggers {
  const waiting = new Map<number, (outcome: RestartOutcome) => void>();
  let gathered: Trigger[] = [];
  let timer: NodeJS.Timeout | undefined;
  let nextId = 0;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const triggers = gathered;
    gathered = [];
    if (triggers.length > 0) dispatch({ kind: 'restart-asked', triggers });
  };
  return {
    ask: (kind, detail) =>
      new Promise((resolve) => {
        const id = nextId;
        nextId += 1;
        waiting.set(id, resolve);
        gathered.push({ id, kind, detail });
        if (COMES_IN_STEPS.includes(kind)) timer ??= setTimeout(flush, DEBOUNCE_MS);
        else flush();
      }),
    settle: ({ triggers, outcome, number, reason }) => {
      for (const { id } of triggers) {
        waiting.get(id)?.({ outcome, epoch: number, reason });
        waiting.delete(id);
      }
    },
    close: async () => {
      clearTimeout(timer);
      for (const resolve of waiting.values()) {
        resolve({ outcome: 'refused', epoch: undefined, reason: 'the agent is leaving' });
      }
      waiting.clear();
    },
  };
}
