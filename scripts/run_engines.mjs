// Runs the runtime's bundle in other JavaScript engines, with tiny packed models, and compares with this Node.
//   npm run build && npm run bundle -w @espalier/runtime && node scripts/run_engines.mjs 'deno run -A' bun /path/to/node24
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** By file: f32 to the last digits; in fixed point relaxed instructions may round otherwise. */
const TOLERANCES = { 'garden.espalier': 1e-5, 'fixed.espalier': 5e-3, 'regression.espalier': 1e-4 };
const BROKEN = ['damaged.espalier', 'no-model.espalier', 'no-tokenizer.espalier'];

/** What an engine finds in the files of a folder: levels, results by file, codes of errors, and of one disposed of. */
async function observe(folder) {
  const { load } = await import('../packages/runtime/dist/espalier-runtime.js');
  const bytesOf = (name) => new Uint8Array(readFileSync(join(folder, name)));
  const texts = JSON.parse(readFileSync(join(folder, 'texts.json'), 'utf8'));
  const codeOf = (promise) => promise.then(() => 'none').catch(({ name, code }) => `${name} ${code}`);
  const results = {};
  let model;
  for (const name of Object.keys(TOLERANCES)) {
    model = await load(new Response(bytesOf(name)));
    results[name] = (await model.classify(texts)).map(({ label, score }) => ({ label, score }));
    model.dispose();
  }
  const codes = [await codeOf(model.classify('x'))];
  for (const name of BROKEN)
    codes.push(await codeOf(load(bytesOf(name)).then((loaded) => loaded.classify('x'))));
  return { levels: model.levels, results, codes };
}

/** The largest difference of a score; throws where it is too large, or anything else differs. */
function differenceOf(found, expected) {
  if (`${found.codes}` !== `${expected.codes}`)
    throw new Error(`errors: ${expected.codes}, found ${found.codes}`);
  let most = 0;
  for (const [name, tolerance] of Object.entries(TOLERANCES)) {
    for (const [i, { label, score }] of expected.results[name].entries()) {
      const other = found.results[name][i];
      const difference = Math.abs(other.score - score);
      if (other.label !== label || !(difference < tolerance))
        throw new Error(
          `${name}: text ${i}: expected ${label} ${score}, found ${other.label} ${other.score}`,
        );
      most = Math.max(most, difference);
    }
  }
  return most;
}

async function main(commands) {
  const { packs, texts } = await import('../examples/web/test/tiny-packs.js');
  const folder = mkdtempSync(join(tmpdir(), 'espalier-engines-'));
  try {
    for (const [name, bytes] of Object.entries(packs)) writeFileSync(join(folder, name), bytes);
    writeFileSync(join(folder, 'texts.json'), JSON.stringify(texts));
    const expected = await observe(folder);
    for (const command of commands) {
      const [program, ...flags] = command.split(' ');
      const args = [...flags, fileURLToPath(import.meta.url), '--observe', folder];
      const found = JSON.parse(execFileSync(program, args, { encoding: 'utf8' }));
      const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0];
      const levels = [...new Set(Object.values(found.levels))].join(', ');
      console.log(
        `${program} ${version}: ${levels}; differs by at most ${differenceOf(found, expected).toExponential(1)}`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === '--observe') console.log(JSON.stringify(await observe(rest[0])));
else await main(process.argv.slice(2));
