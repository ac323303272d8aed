import type { AttemptReport, EpochReport, StatusReport } from '../status-report.ts';
import { formatDuration } from './format.ts';

/** Whether the sidecar serves, and why not, or what there is to note. */
export function headline({ readiness }: Pick<StatusReport, 'readiness'>): {
  readonly title: 'Ready' | 'Not ready';
  readonly detail: string;
} {
  return readiness.ready
    ? { title: 'Ready', detail: readiness.note ?? '' }
    : { title: 'Not ready', detail: readiness.reason };
}

/** What the agent is doing, and for how long: `Epoch 3 is starting, 0.4 s (SIGHUP)`. */
export function attemptLine({ at, triggers, epoch, step }: AttemptReport, now: number): string {
  const asked = triggers.length === 0 ? '' : ` (${triggers.join(', ')})`;
  return `${WHAT[step](epoch)}, ${formatDuration(Math.max(0, now - at))}${asked}`;
}

const WHAT: Readonly<Record<AttemptReport['step'], (epoch: number) => string>> = {
  preparing: (epoch) => `The configuration of epoch ${epoch} is being prepared`,
  waiting: (epoch) => `Epoch ${epoch} waits until an older one has left`,
  starting: (epoch) => `Epoch ${epoch} is starting`,
  undoing: (epoch) => `Epoch ${epoch} has failed: what it left behind is being put right`,
};

/** Living epochs, the newest first: that is the one people look for. */
export function livingEpochs({ epochs }: Pick<StatusReport, 'epochs'>): readonly EpochReport[] {
  return epochs.filter(({ phase }) => phase !== 'gone').reverse();
}

/** For how long an epoch has been in its phase, and how old its process is, in milliseconds. */
export function agesOf(
  { phase, since, startedAt }: EpochReport,
  now: number,
): { readonly inPhase: number; readonly process: number } {
  const begun = startedAt ?? Math.min(now, ...Object.values(since));
  return { inPhase: now - (since[phase] ?? now), process: now - begun };
}
