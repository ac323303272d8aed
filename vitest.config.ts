import { defineConfig } from 'vitest/config';

// Two projects: `unit` needs nothing but Node; `system` starts the real Envoy, Prometheus and namespaces.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/system/**'],
          testTimeout: 15_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 }, // after `unit`: vitest asks for it where maxWorkers differ
        },
      },
    ],
  },
});
