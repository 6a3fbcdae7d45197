/**
 * Tests run on the TypeScript sources: the condition `sluice-source` of package.json for `#platform`, and aliases made
 * from the package's own exports for `sluice`, `sluice/ops` and `sluice/models`, which Vite does not resolve from within.
 * Two projects: `quick` for every day, `slow` for the files named *.slow.test.ts. Quick ones share what they import, which is a third of their
 * time otherwise.
 */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import manifest from './package.json' with { type: 'json' }

const alias = Object.entries(manifest.exports).flatMap(([path, target]) =>
  typeof target === 'string'
    ? []
    : [
        {
          find: new RegExp(`^${path.replace('.', manifest.name)}$`),
          replacement: fileURLToPath(new URL(target['sluice-source'], import.meta.url)),
        },
      ],
)

const slow = 'spec/**/*.slow.test.ts'

export default defineConfig({
  resolve: { alias, conditions: ['sluice-source'] },
  ssr: { resolve: { conditions: ['sluice-source'], externalConditions: ['sluice-source'] } },
  test: {
    pool: 'forks',
    // Kernels of all test files share one GPU, or the cores that play one.
    maxWorkers: 2,
    // kernels are those of the estimates, whatever was measured on this machine
    env: { SLUICE_TUNED: 'off' },
    projects: [
      {
        extends: true,
        test: { name: 'quick', isolate: false, include: ['spec/**/*.test.ts'], exclude: [slow], testTimeout: 30_000 },
      },
      { extends: true, test: { name: 'slow', include: [slow], testTimeout: 300_000, hookTimeout: 300_000 } },
    ],
  },
})
