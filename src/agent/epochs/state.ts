/**
 * The plain data of the supervisor: what lives, what is being tried, what happened, what is to be done. `step.ts` says how one
 * leads to the other. Traps are those of envoy-hot-restart.md.
 */
import type { Millis } from '../../platform/duration.ts';

export interface SupervisorState {
  readonly rules: Rules;
  readonly lifecycle: Lifecycle;
  /** Living processes, oldest first. */
  readonly epochs: readonly Epoch[];
  /** The one start or hot restart that is under way. */
  readonly attempt: Attempt | undefined;
  /** Triggers that came meanwhile: together they make one more hot restart. */
  readonly waiting: readonly Trigger[];
  /** Envoy died this often since it last served for `rules.steadyAfter` without. */
  readonly crashes: number;
  /** Epochs with this key or a greater one were started after the last crash. */
  readonly sinceCrash: number;
  /** Hot restarts that only bring back a closed admin, in a row; as long as there are any it is closed. */
  readonly repairs: number;
  /** Hot restart within this family is stuck (trap 1) and could not be freed: the next one goes to a new family. */
  readonly wedged: boolean;
  /** `POST /drain` came: Envoy drains, and a later SIGTERM need not ask it again. */
  readonly drainAsked: boolean;
  /** Configuration of the last epoch that was LIVE: what a crash goes back to. */
  readonly lastGood: string | undefined;
  /** Configuration of a child that passed the check and failed all the same: no file that changes makes it worth another try. */
  readonly lastFailed: string | undefined;
  readonly nextKey: number;
  readonly nextFamily: number;
}

export interface Rules {
  /** Starts after a crash before the agent gives up; 0 leaves with Envoy. */
  readonly maxRestarts: number;
  /** A hot restart whose child is not LIVE by then is abandoned. */
  readonly hotRestartTimeout: Millis;
  /** No child tells its parent to leave earlier than this after it is LIVE. */
  readonly toldAfter: Millis;
  /** An old epoch that lives longer than this after it was replaced is reaped. */
  readonly reapAfter: Millis;
  /** How long Envoy may take to obey SIGTERM. */
  readonly termGrace: Millis;
  /** Service for this long without a crash, through however many hot restarts, and the crashes before are forgotten. */
  readonly steadyAfter: Millis;
  /** Wait before the second start after a crash; doubles each time. */
  readonly firstBackoff: Millis;
}

/** One Envoy process. */
export interface Epoch {
  /** Of this process, never used again; epoch numbers are. */
  readonly key: number;
  /** `--restart-epoch`. */
  readonly number: number;
  /** Processes that hot-restart one another share a base id. 0 is the one that the agent began with. */
  readonly family: number;
  readonly phase: EpochPhase;
  /** Names the bootstrap it was started with. */
  readonly config: string;
  /** Whether a parent of the same family lives that this one takes over from: SIGTERM would end that too (trap 3). */
  readonly hasParent: boolean;
  readonly told: Told;
}
/**
 * Whether the child of an old epoch has told it to leave, after which it never speaks to it again. `perhaps`: its time is nearly
 * over. Only its end says more: a told epoch leaves with exit status 0, one that is killed may not have been told.
 */
export type Told = 'no' | 'perhaps' | 'yes';

/**
 * `draining`: replaced, its clients go one by one. `drained`: the last has gone. `leaving`: the agent has told it to go.
 * Only its child ends a draining epoch before its time: a child whose parent is gone waits ten seconds for it and aborts.
 */
export type EpochPhase = 'initializing' | 'serving' | 'draining' | 'drained' | 'leaving';

/** Why a hot restart was asked for. `id` lets whoever asked find the outcome. */
export interface Trigger {
  readonly id: number;
  readonly kind: TriggerKind;
  readonly detail: string;
}
export type TriggerKind = 'signal' | 'request' | 'input' | 'binary' | 'adoption' | 'repair';

/** `hot`: child of the active epoch. `overlap`: beside it, in a new family. `fresh`: nothing serves. */
export type StartKind = 'hot' | 'overlap' | 'fresh';

/** Which configuration to start with: what the inputs say now, or one that was LIVE before. */
export type Source = { readonly kind: 'inputs' } | { readonly kind: 'saved'; readonly config: string };

export type Attempt =
  /** The bootstrap is derived, written and checked. */
  | {
      readonly kind: 'preparing';
      readonly id: number;
      readonly triggers: readonly Trigger[];
      readonly start: StartKind;
      readonly number: number;
      readonly family: number;
    }
  /** Ready to start, when an old epoch has left: a child's start ends its grandparent, and three at once is all (trap 5). */
  | (Prepared & { readonly kind: 'waiting-for-room' })
  /** Ready to start, when the Envoy that never became LIVE is gone. */
  | (Prepared & { readonly kind: 'replacing'; readonly old: number })
  /** `overdue`: it was not LIVE in time and has been sent SIGKILL. */
  | (Prepared & { readonly kind: 'starting'; readonly key: number; readonly overdue: boolean })
  /** The child failed; what it left behind is being undone (traps 1 and 2). */
  | {
      readonly kind: 'undoing';
      readonly id: number;
      readonly number: number;
      readonly family: number;
      /** The parent hangs; what the child has left is seen only when it goes on. */
      readonly hangs: boolean;
      /** Freed or not, the next one goes to a new family. */
      readonly stuck: boolean;
    };

/** Of the Envoy that serves: closed by a child that failed since (trap 2), or asked and not answering. */
export type AdminState = 'open' | 'closed' | 'hangs';

export interface Prepared {
  readonly triggers: readonly Trigger[];
  readonly start: StartKind;
  readonly number: number;
  readonly family: number;
  readonly config: string;
}

export type Lifecycle =
  | { readonly kind: 'running' }
  /** Nothing lives; the next start is due when the back-off is over. */
  | { readonly kind: 'backing-off' }
  /** Asked to leave: Envoy tells its clients to go, and the agent waits for the last of them. */
  | { readonly kind: 'draining'; readonly exit: Exit }
  /** Envoy was sent SIGTERM; SIGKILL follows. */
  | { readonly kind: 'stopping'; readonly exit: Exit }
  | { readonly kind: 'ended'; readonly exit: Exit };

export interface Exit {
  readonly code: number;
  readonly why: string;
}

export type SupervisorEvent =
  /** `adopted`: Envoys that an agent before this one left serving, oldest first. */
  | { readonly kind: 'start'; readonly adopted?: readonly AdoptedEpoch[] }
  | { readonly kind: 'restart-asked'; readonly triggers: readonly Trigger[] }
  | { readonly kind: 'prepared'; readonly id: number; readonly result: Preparation }
  | { readonly kind: 'live'; readonly key: number }
  /** `exitCode` is what a shell would say of it, `how` is for the log. */
  | { readonly kind: 'exited'; readonly key: number; readonly exitCode: number; readonly how: string }
  | { readonly kind: 'undone'; readonly id: number; readonly freed: boolean; readonly admin: AdminState }
  /** A draining epoch that `watch-connections` was asked about has lost its last client. */
  | { readonly kind: 'idle'; readonly key: number }
  | { readonly kind: 'timer'; readonly name: TimerName; readonly key: number }
  /** SIGTERM or SIGINT. */
  | { readonly kind: 'signal'; readonly signal: string; readonly exitCode: number }
  /** `POST /quitquitquit`: leave without a drain. */
  | { readonly kind: 'quit' }
  /** `POST /drain`: drain and stay. */
  | { readonly kind: 'drain-asked' }
  /** The drain is over: no connection is left, or its time is. */
  | { readonly kind: 'drained'; readonly why: string }
  /** Something of the agent's own broke. */
  | { readonly kind: 'failed'; readonly why: string };

export interface AdoptedEpoch {
  readonly number: number;
  readonly config: string;
  readonly serving: boolean;
}

export type Preparation =
  | { readonly kind: 'valid'; readonly config: string }
  /** The inputs are what they were: nothing to do. */
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'rejected'; readonly reason: string };

export type TimerName = 'start-timeout' | 'look-again' | 'told' | 'reap' | 'steady' | 'backoff' | 'grace';

export type Effect =
  /** Derive, write and check the bootstrap of epoch `number`; report `prepared`. */
  | {
      readonly kind: 'prepare';
      readonly id: number;
      readonly number: number;
      readonly family: number;
      readonly start: StartKind;
      readonly source: Source;
      /** All that happened is that a file changed: if the bootstrap is still this one, report `unchanged`. */
      readonly unlessItIs: string | undefined;
      /** Whether Envoy checks it first. A first start is check enough, and sooner there. */
      readonly check: boolean;
      /** What this very Envoy runs now: if the bootstrap is still this one, there is nothing to check. */
      readonly proven: string | undefined;
    }
  | {
      readonly kind: 'spawn';
      readonly key: number;
      readonly number: number;
      readonly family: number;
      readonly start: StartKind;
      readonly config: string;
    }
  | { readonly kind: 'signal-envoy'; readonly key: number; readonly signal: 'SIGTERM' | 'SIGKILL' }
  /** A child of `family` failed: free the flag that it left set, see what became of the admin; report `undone`. */
  | { readonly kind: 'undo'; readonly id: number; readonly family: number; readonly number: number }
  /** After an overlap: have the replaced epoch drain, for no child will tell it to. */
  | { readonly kind: 'retire'; readonly key: number }
  /** Room is wanted: report `idle` when this draining epoch has no client left. */
  | { readonly kind: 'watch-connections'; readonly key: number }
  /** The process is gone: remove what was made for it. */
  | { readonly kind: 'forget'; readonly key: number }
  | { readonly kind: 'timer'; readonly name: TimerName; readonly key: number; readonly after: Millis }
  /** Tell Envoy to drain (unless `alreadyAsked`), then report `drained`. */
  | { readonly kind: 'drain'; readonly alreadyAsked: boolean }
  /** Tell Envoy to drain and to go on listening. */
  | { readonly kind: 'drain-and-stay' }
  | {
      readonly kind: 'record';
      readonly triggers: readonly Trigger[];
      readonly outcome: Outcome;
      readonly number: number | undefined;
      readonly reason: string;
    }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
  | { readonly kind: 'end'; readonly exit: Exit };

/** How a hot restart ended. `refused`: the agent is leaving. */
export type Outcome = 'live' | 'unchanged' | 'rejected' | 'failed' | 'refused';

export interface Step {
  readonly state: SupervisorState;
  readonly effects: readonly Effect[];
}

export function initialState(rules: Rules): SupervisorState {
  return {
    rules,
    lifecycle: { kind: 'running' },
    epochs: [],
    attempt: undefined,
    waiting: [],
    crashes: 0,
    sinceCrash: 0,
    repairs: 0,
    wedged: false,
    drainAsked: false,
    lastGood: undefined,
    lastFailed: undefined,
    nextKey: 0,
    nextFamily: 1,
  };
}

/** The epoch that has the listeners. */
export function activeEpoch(state: SupervisorState): Epoch | undefined {
  return state.epochs.find(({ phase }) => phase === 'serving');
}

export function log(level: 'info' | 'warn' | 'error', message: string): Effect {
  return { kind: 'log', level, message };
}

/** A step and then another: effects in order. */
export function andThen(first: Step, next: (state: SupervisorState) => Step): Step {
  const second = next(first.state);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}

export function unchanged(state: SupervisorState): Step {
  return { state, effects: [] };
}
