import { describe, expect, it } from 'vitest';
import { describeOrigin } from '../../src/config/origin.ts';
import { annotationsFile, load } from './load.ts';

/** One step stronger each time: what the step adds, and what is then in effect. */
const STEPS = [
  { name: 'default', seconds: 5, from: 'default' },
  { name: 'variable', seconds: 10, from: 'env TERMINATION_DRAIN_DURATION_SECONDS' },
  { name: 'mesh', seconds: 11, from: 'mesh config ./etc/istio/config/mesh' },
  { name: 'PROXY_CONFIG', seconds: 12, from: 'PROXY_CONFIG' },
  { name: 'annotation', seconds: 13, from: 'annotation proxy.istio.io/config' },
  { name: 'flag', seconds: 14, from: 'flag --terminationDrainDuration' },
] as const;
type Source = (typeof STEPS)[number]['name'];

function given(sources: readonly Source[]) {
  const has = (name: Source): boolean => sources.includes(name);
  const field = (name: Source): string =>
    `terminationDrainDuration: ${STEPS.find((step) => step.name === name)?.seconds}s\n`;
  return {
    argv: has('flag') ? ['--terminationDrainDuration=14s'] : [],
    env: {
      ...(has('variable') ? { TERMINATION_DRAIN_DURATION_SECONDS: '10' } : {}),
      ...(has('PROXY_CONFIG') ? { PROXY_CONFIG: field('PROXY_CONFIG') } : {}),
    },
    files: {
      ...(has('mesh') ? { './etc/istio/config/mesh': `defaultConfig:\n  ${field('mesh')}` } : {}),
      ...(has('annotation') ? annotationsFile({ 'proxy.istio.io/config': field('annotation') }) : {}),
    },
  };
}

describe('of the sources that say something, the strongest wins', () => {
  const subsets = Array.from({ length: 2 ** (STEPS.length - 1) }, (_, bits) => [
    STEPS[0],
    ...STEPS.slice(1).filter((_step, index) => (bits >> index) & 1),
  ]);

  it.each(subsets.map((steps) => [steps.map(({ name }) => name).join(' < '), steps] as const))(
    '%s',
    async (_name, steps) => {
      const { config, origins } = await load(given(steps.map(({ name }) => name)));
      const winner = steps.at(-1) ?? STEPS[0];
      expect(config.terminationDrainDuration).toBe(winner.seconds * 1000);
      const origin = origins.get('terminationDrainDuration');
      expect(origin && describeOrigin(origin)).toBe(winner.from);
    },
  );
});
