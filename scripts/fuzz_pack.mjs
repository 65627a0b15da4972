// Breaks packed files by number and reads them: each is read or refused with a PackError. The test does 100,000 of
// them; this runs it with as many as you like, counted from any number, so that parts can run at the same time.
// With --decoder the WebAssembly decoder reads them too and must agree with the reader, in every form of every tensor.
//   npm run build && node scripts/fuzz_pack.mjs --count 10000000 [--from 0] [--decoder]
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { count, from, decoder } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    from: { type: 'string', default: '0' },
    decoder: { type: 'boolean' },
  },
}).values;
const file = decoder ? 'decode/broken.test.ts' : 'format/pack.test.ts';
const test = [`packages/runtime/test/${file}`, '-t', 'broken ones', '--testTimeout', '0'];
const { status } = spawnSync('npx', ['vitest', 'run', ...test], {
  stdio: 'inherit',
  env: { ...process.env, ESPALIER_FUZZ_COUNT: count, ESPALIER_FUZZ_FROM: from },
});
process.exitCode = status ?? 1;
