import { expect, it, onTestFinished } from 'vitest';
import { describe, problemsOf } from '../storm/report.ts';
import { storm } from '../storm/storm.ts';
import { PILOT_AGENT } from '../support/agent.ts';

const SECONDS = 20;
const SEED = 1;

it('a storm of kills, stops and bad configurations costs only what was killed, and leaves nothing', {
  timeout: 180_000,
}, async () => {
  const report = await storm(onTestFinished, { executable: PILOT_AGENT, seconds: SECONDS, seed: SEED });
  process.stdout.write(`${describe(report)}\n`);
  expect(problemsOf(report), report.output.slice(-20_000)).toEqual([]);
});
