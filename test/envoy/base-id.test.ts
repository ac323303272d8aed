import { expect, it, onTestFinished } from 'vitest';
import { claimBaseId } from '../../src/envoy/base-id.ts';

const claim = async () => {
  const claimed = await claimBaseId(process.getuid?.() ?? 0);
  onTestFinished(() => claimed.close());
  return claimed.baseId;
};

it('agents that start in the same moment get base ids of their own', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, claim));
  expect(new Set(ids).size).toBe(20);
});

it('a base id is free again when its agent has gone', async () => {
  const first = await claimBaseId(process.getuid?.() ?? 0);
  await first.close();
  // 0 comes first, if no Envoy of this machine has it.
  expect((await claim()) === 0).toBe(first.baseId === 0);
});
