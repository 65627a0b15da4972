// `npm run bench -- open`: how long it takes from a packed file's bytes to an encoder that is ready, in fresh processes.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { median } from './median.js';
import { packBert } from './packed-bert.js';

const RELAXED = '--experimental-wasm-relaxed-simd';
const COLUMNS = ['total', 'kernels', 'tables', 'layers', 'vectors', 'rest'];

/** Values and embeddings of the packs. */
const FORMS = [
  ['int8', 'int8'],
  ['codebook', 'int8'],
  ['1x4', 'int8'],
  ['int8', '4bit'],
  ['codebook', '4bit'],
  ['1x4', '4bit'],
];

const script = fileURLToPath(new URL('open-ours.js', import.meta.url));

function measure(path, runs, flags) {
  const results = Array.from({ length: runs }, () =>
    JSON.parse(execFileSync(process.execPath, [...flags, script, path], { encoding: 'utf8' })),
  );
  return (name) => results.map((result) => result[name]);
}

const row = (cells) => console.log(`| ${cells.join(' | ')} |`);

export function open(args) {
  const { values } = parseArgs({
    args,
    options: { runs: { type: 'string', default: '9' }, size: { type: 'string', default: 'bert-base' } },
  });
  const folder = mkdtempSync(join(tmpdir(), 'espalier-open-'));
  console.log(
    `${values.size}, 90 % zeros, ${values.runs} processes each; medians in ms (least in brackets), MB = 10^6`,
  );
  row(['values', 'embeddings', 'level', 'file MB', ...COLUMNS, 'memory MB', 'peak MB']);
  row(Array(6 + COLUMNS.length).fill('---'));
  try {
    for (const [form, embeddings] of FORMS) {
      const path = join(folder, `${form}-${embeddings}.espalier`);
      writeFileSync(path, packBert(values.size, form, embeddings));
      for (const flags of [[RELAXED], []]) {
        const of = measure(path, Number(values.runs), flags);
        const times = COLUMNS.map(
          (name) => `${median(of(name)).toFixed(0)} (${Math.min(...of(name)).toFixed(0)})`,
        );
        const [memory, peak] = ['memory', 'peak'].map((name) => (median(of(name)) / 1e6).toFixed(1));
        const size = (statSync(path).size / 1e6).toFixed(2);
        row([form, embeddings, of('levels')[0].int8, size, ...times, memory, peak]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return 0;
}
