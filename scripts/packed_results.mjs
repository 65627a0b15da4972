// Packs models in several ways, scores each file by the runtime, and writes a JSON line a file and form.
//
//   node scripts/packed_results.mjs --data GLUE --task sst2 --out packed.jsonl MODEL...
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals: models } = parseArgs({
  allowPositionals: true,
  options: { data: { type: 'string' }, task: { type: 'string' }, out: { type: 'string' } },
});
const bin = fileURLToPath(new URL('../packages/espalier/bin/espalier.js', import.meta.url));
const on = ['--task', values.task, '--data', values.data];

/** Values, embeddings, and the forms to compute them in. */
const WAYS = [
  ['f16', 'f16', ['auto']],
  ['int8', 'int8', ['f32', 'q15', 'int8']],
  ['codebook', 'int8', ['auto']],
  ['int8', '4bit', ['auto']],
  ['codebook', '4bit', ['auto']],
];

const espalier = (...args) =>
  JSON.parse(execFileSync(process.execPath, [bin, ...args, '--quiet', '--json'], { encoding: 'utf8' }));

for (const model of models) {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-packed-'));
  const { metrics } = espalier('evaluate', model, ...on);
  const line = (of) => appendFileSync(values.out, `${JSON.stringify({ model: basename(model), ...of })}\n`);
  line({ file: 'safetensors', metrics });
  for (const [of, embeddings, forms] of WAYS) {
    const file = join(folder, `${of}-${embeddings}.espalier`);
    const kinds = ['--values', of, '--embeddings', embeddings];
    const { agreement } = espalier(
      'export',
      model,
      '--to',
      'pack',
      ...kinds,
      '--gate',
      '0',
      ...on,
      '--out',
      file,
    );
    for (const form of forms) {
      const { metrics, runtime } = espalier('evaluate', file, ...on, '--form', form);
      line({ values: of, embeddings, form, bytes: statSync(file).size, agreement, metrics, runtime });
      console.error(basename(model), of, embeddings, form, JSON.stringify(metrics), agreement);
    }
  }
  rmSync(folder, { recursive: true });
}
