import type { Closable } from './closable.ts';

export interface Tidier extends Closable {
  /** In a moment, when what the process does now is over, and from then on every five minutes. */
  soon(): void;
}

/** V8 shrinks the space for new objects only where little was made over the last 5 s. */
const QUIET_MS = 6_000;
const PAUSE_MS = 1_000;
/** What the first gives up is returned to the system by the next ones. */
const ROUNDS = 3;
/** With each scrape and probe the space for new objects grows again, slowly, up to 32 MB. */
const AGAIN_MS = 5 * 60_000;

/**
 * Collects garbage once work that does not come again is done, such as a start: V8 does so when memory runs short, and keeps
 * what it has grown by until then. Gives back 2 to 3 MB for some 30 ms (docs/benchmarks.md). Keeps no process alive.
 */
export function createTidier(open: () => Promise<() => void> = openCollector): Tidier {
  let timer: NodeJS.Timeout | undefined;
  let lifetime = {};
  const after = (ms: number, work: () => void) => {
    timer = setTimeout(work, ms).unref();
  };
  const round = (collect: () => void, left: number) => {
    collect();
    if (left > 1) after(PAUSE_MS, () => round(collect, left - 1));
    else beginAfter(AGAIN_MS);
  };
  const beginAfter = (ms: number) => {
    const mine = lifetime;
    const begin = (collect: () => void) => {
      if (mine === lifetime) round(collect, ROUNDS);
    };
    // A Node that has no collector to give goes on without.
    after(ms, () => void open().then(begin, () => {}));
  };
  const stop = () => {
    clearTimeout(timer);
    lifetime = {};
  };
  return {
    soon: () => {
      void keepNewSpaceSmall().catch(() => {});
      stop();
      beginAfter(QUIET_MS);
    },
    close: async () => stop(),
  };
}

/**
 * From now on. Otherwise the space for new objects grows to 32 MB with scrapes and hot restarts, and is given back late: 74 MB instead
 * of 22 MB of private memory after 20 hot restarts (docs/benchmarks.md).
 */
async function keepNewSpaceSmall(): Promise<void> {
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--semi-space-growth-factor=1');
}

/** Node has it under a flag only, which V8 looks at when it makes a context. Set for that moment, for it voids V8's code caches. */
async function openCollector(): Promise<() => void> {
  const [{ setFlagsFromString }, { runInNewContext }] = [await import('node:v8'), await import('node:vm')];
  setFlagsFromString('--expose-gc');
  try {
    const collect: unknown = runInNewContext('globalThis.gc');
    return typeof collect === 'function' ? () => collect() : () => {};
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
