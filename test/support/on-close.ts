/** Takes what closes something that was opened; vitest's `onTestFinished` is one. What was opened last is closed first. */
export type OnClose = (close: () => void | Promise<void>) => void;

/** For programs that are no tests (the storm, benchmarks): runs `work`, then closes what it opened, whatever happened. */
export async function withCleanup<T>(work: (onClose: OnClose) => Promise<T>): Promise<T> {
  const open: (() => void | Promise<void>)[] = [];
  try {
    return await work((close) => open.unshift(close));
  } finally {
    for (const close of open) await close();
  }
}
