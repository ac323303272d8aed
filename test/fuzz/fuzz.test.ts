import { randomInt } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { fuzz } from './fuzz.ts';

const ROUNDS = 60;

it('the readers of metrics and the servers stand whatever comes (longer: npm run fuzz)', async () => {
  const { problems } = await fuzz(onTestFinished, {
    seed: randomInt(2 ** 31),
    goOn: (round) => round < ROUNDS,
  });
  expect(problems).toEqual([]);
}, 60_000);
