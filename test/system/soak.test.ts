import { expect, it, onTestFinished } from 'vitest';
import { FOR_SECONDS } from '../soak/flat.ts';
import { describe, soak } from '../soak/soak.ts';
import { PILOT_AGENT } from '../support/agent.ts';

const SECONDS = 20;

/** The long one is `npm run soak -- --minutes N`. */
it('probes, scrapes and hot restarts leave no file open and lose no request', {
  timeout: 120_000,
}, async () => {
  const report = await soak(onTestFinished, {
    executable: PILOT_AGENT,
    seconds: SECONDS,
    restartEveryMs: 2_000,
    allowances: FOR_SECONDS,
  });
  process.stdout.write(`${describe(report)}\n`);
  expect(report.problems, report.output.slice(-20_000)).toEqual([]);
});
