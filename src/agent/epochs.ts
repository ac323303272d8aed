/**
 * The supervisor as a pure function: `step(state, event) -> { state, effects }`. No clock, no process, no I/O: time and the
 * ends of processes come in as events, what is to be done goes out as effects (`runner.ts`). Epoch 0 so far; an epoch is a
 * member of a list because hot restart will have several.
 */

export interface SupervisorState {
  readonly lifecycle: Lifecycle;
  /** Living processes, oldest first. */
  readonly epochs: readonly Epoch[];
  /** `POST /drain` came: Envoy is draining, and a later SIGTERM need not ask it again. */
  readonly drainAsked: boolean;
}

export interface Epoch {
  readonly number: number;
  readonly phase: EpochPhase;
}
export type EpochPhase = 'starting' | 'live';

export type Lifecycle =
  | { readonly kind: 'running' }
  /** Asked to leave: Envoy tells its clients to go, and the agent waits for the last of them. */
  | { readonly kind: 'draining'; readonly why: string; readonly exitCode: number }
  /** Envoy was sent SIGTERM; SIGKILL follows. */
  | { readonly kind: 'stopping'; readonly why: string; readonly exitCode: number }
  | { readonly kind: 'ended'; readonly exit: Exit };

export interface Exit {
  readonly code: number;
  readonly why: string;
}

export type SupervisorEvent =
  | { readonly kind: 'start' }
  | { readonly kind: 'live'; readonly epoch: number }
  /** `exitCode` is what a shell would say of it, `how` is for the log. */
  | { readonly kind: 'exited'; readonly epoch: number; readonly exitCode: number; readonly how: string }
  /** SIGTERM or SIGINT. */
  | { readonly kind: 'signal'; readonly signal: string; readonly exitCode: number }
  /** `POST /quitquitquit`: leave without a drain. */
  | { readonly kind: 'quit' }
  /** `POST /drain`: drain and stay. */
  | { readonly kind: 'drain-asked' }
  /** The drain is over: no connection is left, or its time is. */
  | { readonly kind: 'drained'; readonly why: string }
  /** Envoy ignored SIGTERM for too long. */
  | { readonly kind: 'grace-over' }
  /** Something of the agent's own broke. */
  | { readonly kind: 'failed'; readonly why: string };

export type Effect =
  | { readonly kind: 'spawn'; readonly epoch: number }
  /** Tell Envoy to drain (unless `alreadyAsked`), then report `drained`. */
  | { readonly kind: 'drain'; readonly alreadyAsked: boolean }
  /** Tell Envoy to drain and to go on listening. */
  | { readonly kind: 'drain-and-stay' }
  | { readonly kind: 'signal-envoy'; readonly epoch: number; readonly signal: 'SIGTERM' | 'SIGKILL' }
  /** Report `grace-over` when Envoy has had its time to obey SIGTERM. */
  | { readonly kind: 'start-grace' }
  | { readonly kind: 'forget'; readonly epoch: number }
  | { readonly kind: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly message: string }
  | { readonly kind: 'end'; readonly exit: Exit };

export interface Step {
  readonly state: SupervisorState;
  readonly effects: readonly Effect[];
}

export const initialState: SupervisorState = {
  lifecycle: { kind: 'running' },
  epochs: [],
  drainAsked: false,
};

export function step(state: SupervisorState, event: SupervisorEvent): Step {
  if (state.lifecycle.kind === 'ended') return { state, effects: [] };
  switch (event.kind) {
    case 'start':
      return start(state);
    case 'live':
      return live(state, event.epoch);
    case 'exited':
      return exited(state, event);
    case 'signal':
      return signalled(state, event.signal, event.exitCode);
    case 'quit':
      return state.lifecycle.kind === 'stopping' ? unchanged(state) : stop(state, 'POST /quitquitquit', 0);
    case 'drain-asked':
      return drainAsked(state);
    case 'drained':
      return drained(state, event.why);
    case 'grace-over':
      return graceOver(state);
    case 'failed':
      return endNow(state, { code: 1, why: event.why });
  }
}

function start(state: SupervisorState): Step {
  if (state.epochs.length > 0 || state.lifecycle.kind !== 'running') return unchanged(state);
  return {
    state: { ...state, epochs: [{ number: 0, phase: 'starting' }] },
    effects: [log('info', 'Epoch 0 starting'), { kind: 'spawn', epoch: 0 }],
  };
}

function live(state: SupervisorState, number: number): Step {
  const epochs = state.epochs.map((epoch) =>
    epoch.number === number ? { ...epoch, phase: 'live' as const } : epoch,
  );
  return { state: { ...state, epochs }, effects: [] };
}

function exited(
  state: SupervisorState,
  { epoch, exitCode, how }: { readonly epoch: number; readonly exitCode: number; readonly how: string },
): Step {
  if (!state.epochs.some(({ number }) => number === epoch)) return unchanged(state);
  const { lifecycle } = state;
  const epochs = state.epochs.filter(({ number }) => number !== epoch);
  const next = { ...state, epochs };
  const forget: Effect = { kind: 'forget', epoch };
  if (lifecycle.kind === 'stopping' || lifecycle.kind === 'draining') {
    const said = log('info', `Epoch ${epoch} ended: ${how}`);
    if (epochs.length > 0) return { state: next, effects: [forget, said] };
    // A crash during the drain cost its clients their answers: that is not "as asked".
    const code = lifecycle.kind === 'draining' && exitCode !== 0 ? exitCode : lifecycle.exitCode;
    return end(next, { code, why: lifecycle.why }, [forget, said]);
  }
  const said =
    exitCode === 0
      ? log('info', `Epoch ${epoch} exited normally`)
      : log('error', `Epoch ${epoch} exited with error: ${how}`);
  if (epochs.length > 0) return { state: next, effects: [forget, said] };
  return end(next, { code: exitCode, why: `Envoy ended: ${how}` }, [
    forget,
    said,
    log('info', 'No more active epochs, terminating'),
  ]);
}

function signalled(state: SupervisorState, signal: string, exitCode: number): Step {
  if (state.lifecycle.kind !== 'running')
    return endNow(state, { code: exitCode, why: `a second signal, ${signal}` });
  if (state.epochs.length === 0) return end(state, { code: 0, why: signal }, []);
  return {
    state: { ...state, lifecycle: { kind: 'draining', why: signal, exitCode: 0 } },
    effects: [
      log('info', `${signal}: Agent draining Proxy`),
      { kind: 'drain', alreadyAsked: state.drainAsked },
    ],
  };
}

function drainAsked(state: SupervisorState): Step {
  if (state.lifecycle.kind !== 'running' || state.drainAsked) return unchanged(state);
  return {
    state: { ...state, drainAsked: true },
    effects: [
      log('info', 'POST /drain: draining, and going on until a signal comes'),
      { kind: 'drain-and-stay' },
    ],
  };
}

function drained(state: SupervisorState, why: string): Step {
  if (state.lifecycle.kind !== 'draining') return unchanged(state);
  const stopped = stop(state, state.lifecycle.why, state.lifecycle.exitCode);
  return { ...stopped, effects: [log('info', `Drain is over: ${why}`), ...stopped.effects] };
}

function stop(state: SupervisorState, why: string, exitCode: number): Step {
  if (state.epochs.length === 0) return end(state, { code: exitCode, why }, []);
  return {
    state: { ...state, lifecycle: { kind: 'stopping', why, exitCode } },
    effects: [...signalAll(state, 'SIGTERM'), { kind: 'start-grace' }],
  };
}

function graceOver(state: SupervisorState): Step {
  if (state.lifecycle.kind !== 'stopping') return unchanged(state);
  return {
    state,
    effects: [log('warn', 'Envoy ignores SIGTERM: sending SIGKILL'), ...signalAll(state, 'SIGKILL')],
  };
}

/** Ends at once. The runner kills what lives before it lets the process go, so that no orphan stays. */
function endNow(state: SupervisorState, exit: Exit): Step {
  return end(state, exit, signalAll(state, 'SIGKILL'));
}

function end(state: SupervisorState, exit: Exit, effects: readonly Effect[]): Step {
  return {
    state: { ...state, lifecycle: { kind: 'ended', exit } },
    effects: [...effects, { kind: 'end', exit }],
  };
}

function signalAll(state: SupervisorState, signal: 'SIGTERM' | 'SIGKILL'): readonly Effect[] {
  return state.epochs.map(({ number }) => ({ kind: 'signal-envoy', epoch: number, signal }));
}

function log(level: 'info' | 'warn' | 'error', message: string): Effect {
  return { kind: 'log', level, message };
}

function unchanged(state: SupervisorState): Step {
  return { state, effects: [] };
}
