import { defineConfig } from 'vitest/config';

/** Files that put something in place of a module: modules are loaded anew for each of them, once a worker for all others. */
const MOCKING = ['packages/espalier/test/jobs/memory.test.ts'];
const ALL = 'packages/*/test/**/*.test.ts';

export default defineConfig({
  test: {
    pool: 'forks',
    env: { ORT_DISABLE_TELEMETRY: '1' }, // ONNX Runtime would write files into the folder for temporary ones
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'shared', include: [ALL], exclude: MOCKING, isolate: false } },
      { extends: true, test: { name: 'mocking', include: MOCKING } },
    ],
  },
});
