/** What the state file holds, and the check that whatever stands there really is that. */
import { basename, dirname, isAbsolute, normalize } from 'node:path';
import { toError } from '../platform/errors.ts';

export const STATE_VERSION = 1;

export interface AgentState {
  readonly version: typeof STATE_VERSION;
  /** Pids and start times mean something in this boot and this PID namespace only. */
  readonly bootId: string;
  readonly pidNamespace: string;
  readonly agent: RecordedProcess;
  /** What the Envoys were started from, for a person who looks: it may have been replaced since. */
  readonly binary: string;
  /** Living ones, oldest first. */
  readonly epochs: readonly RecordedEpoch[];
}

export interface RecordedProcess {
  readonly pid: number;
  /** Clock ticks since boot (`startTimeOf`). */
  readonly startTime: number;
}

export interface RecordedEpoch extends RecordedProcess {
  readonly epoch: number;
  readonly baseId: number;
  /** Port of its admin interface on loopback. */
  readonly adminPort: number;
  readonly phase: RecordedPhase;
  /** Names the content of the bootstrap. */
  readonly config: string;
  /** Absolute and without symbolic links before its last part, whatever the command line of Envoy says. */
  readonly bootstrapFile: string;
}
/** `draining`: replaced by a newer one, or told to leave. */
export type RecordedPhase = 'initializing' | 'serving' | 'draining';

/** What a state must agree with. */
export interface StateContext {
  /** Absolute and without symbolic links. */
  readonly configPath: string;
  readonly bootId: string;
  readonly pidNamespace: string;
}

export type ParsedState =
  | { readonly kind: 'good'; readonly state: AgentState }
  | { readonly kind: 'bad'; readonly reason: string };

/** Checks the bytes of a state file. Never throws; the reason names the member at fault. */
export function parseState(data: Uint8Array, context: StateContext): ParsedState {
  const bad = (reason: string): ParsedState => ({ kind: 'bad', reason });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch (thrown) {
    return bad(`it is half-written or no JSON: ${toError(thrown).message}`);
  }
  if (!isObject(value)) return bad('it is no JSON object');
  // Before everything else: another version may have another form.
  if (value['version'] !== STATE_VERSION) return bad(`its version is not ${STATE_VERSION}`);
  const wrong = firstWrong(value, STATE, '');
  if (wrong !== undefined) return bad(`${wrong} is missing, unknown or of the wrong kind`);
  const state = value as unknown as AgentState;
  const why = disagreement(state, context);
  return why === undefined ? { kind: 'good', state } : bad(why);
}

type Check = (value: unknown) => boolean;
type Shape = Readonly<Record<string, Check>>;

/** As large as Linux lets it be (proc_sys_kernel(5), `pid_max`). Pid 1 is never an Envoy of ours. */
const MAX_PID = 2 ** 22;
const MAX_BASE_ID = 2 ** 32 / 10;
/** More than three cannot run at once in a family, and no agent has more than two families at once. */
const MAX_EPOCHS = 8;

const whole =
  (from: number, to: number): Check =>
  (value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to;
const text =
  (longest: number): Check =>
  (value) =>
    typeof value === 'string' && value !== '' && value.length <= longest && !value.includes('\0');
const absolute: Check = (value) =>
  text(4096)(value) && isAbsolute(value as string) && normalize(value as string) === value;

const startTime = whole(0, Number.MAX_SAFE_INTEGER);
const EPOCH: Shape = {
  pid: whole(2, MAX_PID),
  startTime,
  epoch: whole(0, 2 ** 32 - 1),
  baseId: whole(0, MAX_BASE_ID),
  adminPort: whole(1, 65_535),
  phase: (value) => value === 'initializing' || value === 'serving' || value === 'draining',
  config: text(256),
  bootstrapFile: absolute,
};
const STATE: Shape = {
  version: (value) => value === STATE_VERSION,
  bootId: text(64),
  pidNamespace: text(64),
  agent: (value) => firstWrong(value, { pid: whole(1, MAX_PID), startTime }, '') === undefined,
  binary: absolute,
  epochs: (value) =>
    Array.isArray(value) &&
    value.length <= MAX_EPOCHS &&
    value.every((epoch) => firstWrong(epoch, EPOCH, '') === undefined),
};

/** The first member that the shape does not allow, or that it asks for in vain. */
function firstWrong(value: unknown, shape: Shape, path: string): string | undefined {
  if (!isObject(value)) return path;
  for (const key of new Set([...Object.keys(shape), ...Object.keys(value)])) {
    if (!Object.hasOwn(value, key) || !Object.hasOwn(shape, key)) return JSON.stringify(key);
    if (shape[key]?.(value[key]) !== true) return JSON.stringify(key);
  }
  return undefined;
}

function disagreement(state: AgentState, context: StateContext): string | undefined {
  const { epochs, agent } = state;
  if (state.bootId !== context.bootId) return 'it is of another boot of the machine';
  if (state.pidNamespace !== context.pidNamespace) return 'it is of another container (PID namespace)';
  const outside = epochs.find(
    ({ bootstrapFile }) =>
      dirname(bootstrapFile) !== context.configPath || !basename(bootstrapFile).startsWith('envoy-rev'),
  );
  if (outside !== undefined) return `${outside.bootstrapFile} is no bootstrap of this folder`;
  const pids = [agent.pid, ...epochs.map(({ pid }) => pid)];
  if (new Set(pids).size !== pids.length) return 'a pid stands there twice';
  if (new Set(epochs.map(({ baseId, epoch }) => `${baseId}/${epoch}`)).size !== epochs.length)
    return 'an epoch stands there twice';
  for (const phase of ['serving', 'initializing'] as const) {
    if (epochs.filter((epoch) => epoch.phase === phase).length > 1) return `two epochs are ${phase}`;
  }
  return undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
