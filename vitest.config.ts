import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts'],
    pool: 'forks',
    env: { ORT_DISABLE_TELEMETRY: '1' }, // ONNX Runtime would write files into the folder for temporary ones
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
