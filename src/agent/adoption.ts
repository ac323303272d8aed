/** Which Envoys of the agent before this one are taken over, and which are ended. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Millis, millis } from '../platform/duration.ts';
import { EnvironmentError } from '../platform/errors.ts';
import { isSameProcess, processIdentity } from '../platform/processes.ts';
import { type FoundEnvoy, findEnvoys } from './found-envoys.ts';
import type { Settled } from './settle-child.ts';
import type { RecordedEpoch } from './state.ts';
import type { LoadedState } from './state-file.ts';
import type { Stray } from './strays.ts';

export interface AdoptionPlan {
  /** Undefined: there is nothing to take over. */
  readonly adopted: AdoptedFamily | undefined;
  /** To be ended before the first Envoy starts: they hold its ports. */
  readonly strays: readonly Stray[];
  /** Replaced Envoys of another family, which lose their clients one by one: to be ended when their time is over. */
  readonly draining: readonly Stray[];
  readonly notes: readonly Note[];
}

/** For the log. */
export interface Note {
  readonly level: 'info' | 'warn';
  readonly text: string;
}

/** Epochs that hot-restart one another. */
export interface AdoptedFamily {
  readonly baseId: number;
  /** Oldest first; one serves, or none does when it died while an older one drained. */
  readonly epochs: readonly AdoptableEpoch[];
}

export interface AdoptableEpoch extends FoundEnvoy {
  readonly serving: boolean;
  readonly config: string;
  /** Undefined where the agent before had no time to record it. */
  readonly adminPort: number | undefined;
}

export interface AdoptionOptions {
  readonly configPath: string;
  readonly uid: number;
  /** False with `--noAdopt` and as PID 1: whatever is found is ended. */
  readonly adopt: boolean;
  /** Finds out what became of a child that was not LIVE when it was last seen, and ends it unless it is (`settleChild`). */
  readonly settle: (child: FoundEnvoy, adminPort: number | undefined) => Promise<Settled>;
  /** How long an agent before this one may take to be gone. */
  readonly patience?: Millis;
}

/** A supervisor of services starts the next agent at once; the kernel may not be through with the last. */
const PATIENCE = millis(1_000);
const POLL_MS = 20;
const UNKNOWN_CONFIG = 'unknown';

/**
 * Decides what is to become of the Envoys that the agent before this one left running in `configPath`. The state file says
 * what they were; what they are is looked up, so that no other process is ever taken for one of them. Touches none of them, but
 * for what `settle` does to a child that was not LIVE.
 * @throws EnvironmentError when that agent still lives
 */
export async function findAdoptable(loaded: LoadedState, options: AdoptionOptions): Promise<AdoptionPlan> {
  const { configPath, uid, adopt, settle } = options;
  const found = findEnvoys(configPath, uid);
  await requireAlone(loaded, found.ours, options);
  const notes: Note[] = found.foreign.map((text) => ({ level: 'warn', text }));
  if (loaded.kind === 'lying') {
    // A container that starts again finds the state of the one before: nothing is wrong with that.
    const level = found.ours.length === 0 ? 'info' : 'warn';
    notes.push({ level, text: `The state of the agent before is of no use: ${loaded.reason}` });
  }
  if (!adopt || loaded.kind !== 'good') {
    const why = adopt ? 'no state says what it is' : 'this agent takes nothing over';
    const strays = found.ours.map((envoy) => ({ ...envoy, why }));
    return { adopted: undefined, strays, draining: [], notes };
  }

  const { epochs } = loaded.state;
  const candidates: Candidate[] = [];
  // The newest first: only when it is known not to serve can an older one.
  for (const envoy of [...found.ours].sort(byAge).reverse()) {
    const recorded = epochs.find((epoch) => isOf(epoch, envoy));
    const known = recorded?.phase ?? 'initializing'; // the agent may have died between its start and its record
    const replaced = candidates.some(({ phase }) => phase !== 'draining');
    if (known !== 'initializing') candidates.push({ envoy, recorded, phase: known });
    else if (replaced) candidates.push({ envoy, recorded, phase: 'draining' });
    else if ((await settle(envoy, recorded?.adminPort ?? adminPortOf(envoy, epochs))) === 'live') {
      candidates.push({ envoy, recorded, phase: 'newest' });
    } else
      notes.push({ level: 'warn', text: `Epoch ${envoy.epoch} (pid ${envoy.pid}) was not LIVE yet: ended` });
  }
  return { ...choose(candidates), notes };
}

interface Candidate {
  readonly envoy: FoundEnvoy;
  readonly recorded: RecordedEpoch | undefined;
  /** `newest`: it took over after the state was written. */
  readonly phase: 'newest' | 'serving' | 'draining';
}

/** One family is taken over: that of the Envoy that has the listeners. Exported for its tests: it is a pure function. */
export function choose(candidates: readonly Candidate[]): Omit<AdoptionPlan, 'notes'> {
  const oldestFirst = [...candidates].sort((one, other) => byAge(one.envoy, other.envoy));
  const active =
    oldestFirst.findLast(({ phase }) => phase === 'newest') ??
    oldestFirst.find(({ phase }) => phase === 'serving');
  const leader = active ?? oldestFirst.at(-1);
  if (leader === undefined) return { adopted: undefined, strays: [], draining: [] };
  const { baseId } = leader.envoy;
  const family = oldestFirst.filter(({ envoy }) => envoy.baseId === baseId);
  const others = oldestFirst.filter(({ envoy }) => envoy.baseId !== baseId);
  const why = `the Envoy that serves has base id ${baseId}`;
  const strays = (wanted: (candidate: Candidate) => boolean) =>
    others.filter(wanted).map(({ envoy }) => ({ ...envoy, why }));
  return {
    adopted: {
      baseId,
      epochs: family.map(({ envoy, recorded }) => ({
        ...envoy,
        serving: envoy === active?.envoy,
        config: recorded?.config ?? UNKNOWN_CONFIG,
        adminPort: recorded?.adminPort,
      })),
    },
    strays: strays(({ phase }) => phase !== 'draining'),
    draining: strays(({ phase }) => phase === 'draining'),
  };
}

function byAge(one: FoundEnvoy, other: FoundEnvoy): number {
  return one.startTime - other.startTime || one.epoch - other.epoch;
}

function isOf(recorded: RecordedEpoch, envoy: FoundEnvoy): boolean {
  return (
    recorded.pid === envoy.pid &&
    recorded.startTime === envoy.startTime &&
    recorded.epoch === envoy.epoch &&
    recorded.baseId === envoy.baseId &&
    recorded.bootstrapFile === envoy.bootstrapFile
  );
}

/** A child has the admin port of its parent, unless it was started beside another family. */
function adminPortOf({ baseId }: FoundEnvoy, epochs: readonly RecordedEpoch[]): number | undefined {
  return epochs.findLast((epoch) => epoch.baseId === baseId)?.adminPort;
}

/** Two agents for the same Envoys would end each other's. */
async function requireAlone(
  loaded: LoadedState,
  envoys: readonly FoundEnvoy[],
  { configPath, uid, patience = PATIENCE }: AdoptionOptions,
): Promise<void> {
  const end = performance.now() + patience;
  for (;;) {
    const pid = otherAgent(loaded, envoys, uid);
    if (pid === undefined) return;
    if (performance.now() >= end) {
      throw new EnvironmentError(
        `another pilot-agent (pid ${pid}) runs with --configPath ${configPath}; ` +
          'end it first, or give this one another folder with --configPath',
      );
    }
    await delay(POLL_MS);
  }
}

function otherAgent(loaded: LoadedState, envoys: readonly FoundEnvoy[], uid: number): number | undefined {
  if (loaded.kind === 'good') {
    const { pid, startTime } = loaded.state.agent;
    if (pid !== process.pid && isSameProcess(pid, startTime)) return pid;
  }
  // Without a state that can be trusted: an Envoy whose agent is dead is a child of init, or of another ancestor of ours.
  const ancestors = ancestorsOf(process.pid);
  const starters = new Set(envoys.map(({ starterPid }) => starterPid));
  return [...starters].find((starter) => !ancestors.has(starter) && isAgent(starter, uid));
}

function isAgent(pid: number, uid: number): boolean {
  const identity = processIdentity(pid);
  return (
    identity !== undefined && !identity.zombie && identity.uid === uid && identity.args.includes('proxy')
  );
}

/** With init, whose pid is 1, and 0 for what is outside of this container. */
function ancestorsOf(pid: number): ReadonlySet<number> {
  const found = new Set([0, 1]);
  for (let at = processIdentity(pid)?.parentPid; at !== undefined && !found.has(at); ) {
    found.add(at);
    at = processIdentity(at)?.parentPid;
  }
  return found;
}
