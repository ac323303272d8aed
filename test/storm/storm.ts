import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { sharedMemoryFile } from '../../src/envoy/base-id.ts';
import type { Failure } from '../support/load.ts';
import type { OnClose } from '../support/on-close.ts';
import { type EnvoyFacts, envoysOf, isAlive } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { type Deed, excusesFor, type Judged, judge } from './excuses.ts';
import { createPlan, DEATHS, type Move } from './plan.ts';
import { type LoadName, openScene, type Scene } from './scene.ts';
import { type Witness, watchEpochs } from './witness.ts';

export interface StormOptions {
  /** `pilot-agent.cjs`. */
  readonly executable: string;
  readonly seconds: number;
  readonly seed: number;
  /** Told of each move. */
  readonly onMove?: (text: string) => void;
}

export interface StormReport {
  readonly seed: number;
  readonly seconds: number;
  readonly moves: Readonly<Record<string, number>>;
  readonly succeeded: Readonly<Record<LoadName, number>>;
  readonly requests: Judged;
  /** Times when the sidecar said that it was not ready. */
  readonly unready: Judged;
  /** How often an epoch took over, and how many of those were overlaps. */
  readonly takeovers: readonly [all: number, overlaps: number];
  readonly mostProcesses: number;
  /** What is there though everything has ended; empty. */
  readonly leftOver: readonly string[];
  readonly exitCode: number;
  /** What agent and Envoy have printed. */
  readonly output: string;
}

const SETTLE_MS = 60_000;

/** Makes a storm over a sidecar under load, lets it settle, ends it, and reports. */
export async function storm(
  onClose: OnClose,
  { executable, seconds, seed, onMove = () => {} }: StormOptions,
): Promise<StormReport> {
  const scene = await openScene(onClose, executable);
  const { agent, loads } = scene;
  const witness = watchEpochs(onClose, scene);
  const watched = watchProcesses(onClose, agent.pid);
  const readiness = watchReadiness(onClose, scene);
  const hand = createHand(onClose, scene);
  const moves: Record<string, number> = {};
  const next = createPlan(seed);
  for (const end = Date.now() + seconds * 1_000; Date.now() < end; ) {
    const { pauseMs, move } = next();
    await delay(pauseMs);
    const done = await hand.make(move);
    if (done === undefined) continue;
    onMove(done);
    moves[move.kind] = (moves[move.kind] ?? 0) + 1;
  }

  await settle(scene, hand);
  await Promise.all(Object.values(loads).map((load) => load.stop()));
  await until('the old epochs have left', () => envoysOf(agent.pid).length === 1, SETTLE_MS);
  readiness.stop();
  const takeovers = witness.takeovers();
  const excuses = excusesFor(deedsOf(hand, witness), takeovers);
  const failures = Object.values(loads).flatMap((load) => load.failed());
  agent.signal('SIGTERM');
  const exitCode = await agent.exited;
  return {
    seed,
    seconds,
    moves,
    succeeded: {
      keepAlive: loads.keepAlive.succeeded(),
      newConnections: loads.newConnections.succeeded(),
      http2: loads.http2.succeeded(),
      tcp: loads.tcp.succeeded(),
    },
    requests: judge(failures, excuses, isNewConnection(loads.newConnections.failed())),
    unready: judge(readiness.lapses(), excuses, () => false),
    takeovers: [takeovers.length, takeovers.filter(({ overlap }) => overlap).length],
    mostProcesses: watched.most(),
    leftOver: leftOver(agent.configPath, watched.all()),
    exitCode,
    output: agent.output(),
  };
}

/** After the storm one valid configuration must become LIVE, and carry traffic. */
async function settle({ agent, loads, change }: Scene, hand: Hand): Promise<void> {
  await hand.letGo();
  await change(-1);
  await until(
    'a valid configuration is LIVE',
    async () => (await agent.post(agent.ports.status, '/restart', SETTLE_MS)).status === 200,
    SETTLE_MS,
  );
  const before = Object.values(loads).map((load) => load.succeeded());
  await until('traffic flows', () =>
    Object.values(loads).every((load, at) => load.succeeded() > (before[at] ?? 0)),
  );
}

/** Whatever the storm does to processes, with when. */
interface Hand {
  /** Answers with what it did, or undefined when there was nothing to do it to. */
  make(move: Move): Promise<string | undefined>;
  readonly kills: readonly { readonly pid: number; readonly at: number }[];
  readonly stops: readonly Deed[];
  /** Lets every stopped process go on, and waits for whatever is under way. */
  letGo(): Promise<void>;
}

function createHand(onClose: OnClose, scene: Scene): Hand {
  const { agent } = scene;
  const kills: { pid: number; at: number }[] = [];
  const stops: Deed[] = [];
  const stopped = new Map<number, () => void>();
  const underWay = new Set<Promise<unknown>>();
  const background = (work: Promise<unknown>) => {
    const settled = work.catch(() => {}).finally(() => underWay.delete(settled));
    underWay.add(settled);
  };
  const restart = () => agent.post(agent.ports.status, '/restart', SETTLE_MS);

  const kill = (envoy: EnvoyFacts | undefined, signal: NodeJS.Signals): string | undefined => {
    if (envoy === undefined) return undefined;
    kills.push({ pid: envoy.pid, at: Date.now() });
    send(envoy.pid, signal);
    return `${signal} to epoch ${envoy.epoch} (${envoy.pid})`;
  };
  const inPhase = async (...phases: readonly string[]): Promise<EnvoyFacts | undefined> => {
    const { epochs } = await scene.status();
    const pids = epochs.filter(({ phase }) => phases.includes(phase)).map(({ pid }) => pid);
    return envoysOf(agent.pid).find(({ pid }) => pids.includes(pid));
  };
  const deathsOfLate = () =>
    [...agent.output().matchAll(/^(\S+Z)\t.*Starting Envoy again/gm)].filter(
      ([, time = '']) => Date.parse(time) > Date.now() - DEATHS.within,
    ).length;

  const stop = (envoy: EnvoyFacts | undefined, forMs: number): string | undefined => {
    if (envoy === undefined || stopped.has(envoy.pid)) return undefined;
    const at = Date.now();
    const goOn = () => {
      if (!stopped.delete(envoy.pid)) return;
      clearTimeout(timer);
      send(envoy.pid, 'SIGCONT');
      stops.push({ kind: 'stop', at, until: Date.now() });
    };
    const timer = setTimeout(goOn, forMs);
    stopped.set(envoy.pid, goOn);
    send(envoy.pid, 'SIGSTOP');
    return `SIGSTOP to epoch ${envoy.epoch} (${envoy.pid}) for ${forMs} ms`;
  };

  const make = async (move: Move): Promise<string | undefined> => {
    switch (move.kind) {
      case 'sighup':
        for (let sent = 0; sent < move.times; sent += 1) agent.signal('SIGHUP');
        return `SIGHUP, ${move.times} times`;
      case 'post':
        background(restart());
        return 'POST /restart';
      case 'change':
        await scene.change(move.value);
        return 'another valid configuration';
      case 'spoil':
        await scene.spoil(move.with);
        return `a bad configuration: ${move.with}`;
      case 'kill-serving':
        return deathsOfLate() >= DEATHS.most ? undefined : kill(await inPhase('serving'), move.signal);
      case 'kill-old':
        return kill(await inPhase('draining', 'drained'), move.signal);
      case 'kill-child': {
        if (deathsOfLate() >= DEATHS.most) return undefined; // it may have taken over by then
        const before = envoysOf(agent.pid).map(({ pid }) => pid);
        background(restart());
        await delay(move.afterMs);
        return kill(
          envoysOf(agent.pid).find(({ pid }) => !before.includes(pid)),
          move.signal,
        );
      }
      case 'stop': {
        const [any] = envoysOf(agent.pid);
        return stop(move.which === 'any' ? any : await inPhase('serving'), move.forMs);
      }
    }
  };
  const letGo = async () => {
    for (const goOn of [...stopped.values()]) goOn();
    await Promise.all(underWay);
  };
  onClose(letGo);
  return { make, kills, stops, letGo };
}

function deedsOf({ kills, stops }: Hand, witness: Witness): readonly Deed[] {
  return [...stops, ...kills.flatMap(({ pid, at }) => witness.meaningOf(pid, at) ?? []), ...witness.doomed()];
}

function watchReadiness(onClose: OnClose, { agent }: Scene) {
  const lapses: Failure[] = [];
  const ask = async () => {
    const answer = await agent
      .get(agent.ports.status, '/healthz/ready')
      .catch((error: unknown) => ({ status: 0, body: String(error) }));
    if (answer.status !== 200) lapses.push({ at: Date.now(), what: answer.body.trim() });
  };
  const asking = setInterval(() => void ask(), 100);
  const stop = () => clearInterval(asking);
  onClose(stop);
  return { lapses: () => lapses, stop };
}

function watchProcesses(onClose: OnClose, agent: number) {
  const seen = new Map<number, EnvoyFacts>();
  let most = 0;
  const looking = setInterval(() => {
    const now = envoysOf(agent);
    for (const envoy of now) seen.set(envoy.pid, envoy);
    most = Math.max(most, now.length);
  }, 50);
  onClose(() => clearInterval(looking));
  return { all: () => [...seen.values()], most: () => most };
}

function leftOver(configPath: string, envoys: readonly EnvoyFacts[]): readonly string[] {
  const baseIds = new Set(envoys.map(({ baseId }) => baseId));
  return [
    ...envoys.filter(({ pid }) => isAlive(pid)).map(({ pid }) => `process ${pid}`),
    ...(existsSync(configPath) ? readdirSync(configPath) : []),
    ...[...baseIds].map(sharedMemoryFile).filter((file) => existsSync(file)),
  ];
}

const isNewConnection = (failures: readonly Failure[]) => {
  const known = new Set(failures);
  return (failure: Failure) => known.has(failure);
};

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
