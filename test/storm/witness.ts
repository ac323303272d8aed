import type { EpochReport } from '../../src/health/status-report.ts';
import type { OnClose } from '../support/on-close.ts';
import type { Deed, Takeover } from './excuses.ts';
import type { Scene } from './scene.ts';

/** Remembers every epoch that `GET /status` ever told of, and says afterwards what a kill hit. */
export interface Witness {
  epochs(): readonly EpochReport[];
  takeovers(): readonly Takeover[];
  /** What it was for the service that a process died then; undefined when it was nothing to it. */
  meaningOf(pid: number, at: number): Deed | undefined;
  /** Ends of Envoys that could not be told anything any more when another base id took over from them. */
  doomed(): readonly Deed[];
}

/** Often enough that no epoch comes and is forgotten in between: the status keeps the last twelve that are gone. */
const LOOK_EVERY_MS = 250;
/** Envoy and the storm write down their times in two processes. */
const SKEW_MS = 20;

export function watchEpochs(onClose: OnClose, { agent, status }: Scene): Witness {
  const seen = new Map<number, EpochReport>();
  const look = async () => {
    const { epochs } = await status();
    for (const epoch of epochs) seen.set(epoch.key, epoch);
  };
  const looking = setInterval(() => void look().catch(() => {}), LOOK_EVERY_MS);
  onClose(() => clearInterval(looking));
  const epochs = () => [...seen.values()].toSorted((a, b) => a.key - b.key);

  /** A child has the listeners from when it says so; the agent sees that a moment later. */
  const hadTakenOver = (from: number, at: number) =>
    [...agent.output().matchAll(/^(\S+Z)\t.*starting workers/gm)].some(([, time = '']) => {
      const said = Date.parse(time);
      return from - SKEW_MS <= said && said <= at + SKEW_MS;
    });

  return {
    epochs,
    takeovers: () => {
      const served = epochs()
        .filter(({ since }) => since.serving !== undefined)
        .toSorted((a, b) => (a.since.serving ?? 0) - (b.since.serving ?? 0));
      return served.map(({ since, baseId }, index): Takeover => {
        const at = since.serving ?? 0;
        const before = served[index - 1];
        const beside = before !== undefined && (before.since.gone ?? Number.POSITIVE_INFINITY) > at;
        return { at, overlap: beside && before.baseId !== baseId };
      });
    },
    doomed: () => {
      const hangs = [
        ...agent.output().matchAll(/^(\S+Z)\t.*hot restart sendmsg\(\) connection refused.*thread=(\d+)/gm),
      ].map(([, time = '', pid]) => ({ pid: Number(pid), at: Date.parse(time) }));
      return epochs().flatMap(({ pid, since: { draining = Number.NaN, gone } }) => {
        const hung = hangs.find((each) => each.pid === pid);
        return gone !== undefined && hung !== undefined && hung.at <= draining + SKEW_MS
          ? [{ kind: 'kill-parent', at: gone } as const]
          : [];
      });
    },
    meaningOf: (pid, at) => {
      const epoch = epochs().findLast((each) => each.pid === pid);
      const { initializing = 0, serving, draining } = epoch?.since ?? {};
      if (draining !== undefined && draining <= at) return { kind: 'kill-old', at };
      if (serving !== undefined && serving <= at) return { kind: 'kill-serving', at };
      return hadTakenOver(initializing, at) ? { kind: 'kill-serving', at } : undefined;
    },
  };
}
