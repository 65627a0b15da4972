// Breaks packed files by number and reads them: each is read or refused with a PackError. The test does 20,000 of
// them; this runs it with as many as you like, counted from any number, so that parts can run at the same time.
//   npm run build && node scripts/fuzz_pack.mjs --count 10000000 [--from 0]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { count, from } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, from: { type: 'string', default: '0' } },
}).values;
const test = ['packages/runtime/test/format/pack.test.ts', '-t', 'broken ones', '--testTimeout', '0'];
const { status } = spawnSync('npx', ['vitest', 'run', ...test], {
  stdio: 'inherit',
  env: { ...process.env, ESPALIER_FUZZ_COUNT: count, ESPALIER_FUZZ_FROM: from },
});
process.exitCode = status ?? 1;
