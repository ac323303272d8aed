import { defineConfig } from 'vitest/config';
import { viteInlinePages } from './scripts/inline-page.mjs';

// `unit` needs nothing but Node and Envoy; `system` starts the agent, Prometheus and namespaces; `image` builds the image.
export default defineConfig({
  test: {
    projects: [
      {
        plugins: [viteInlinePages],
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/system/**'],
          testTimeout: 15_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        plugins: [viteInlinePages],
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          exclude: ['test/system/image.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 }, // after `unit`: vitest asks for it where maxWorkers differ
        },
      },
      {
        test: {
          name: 'image',
          include: ['test/system/image.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 600_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
