// Everything behind `import { load } from '@espalier/runtime'` in one file without imports, threads in two
// more, and a package to publish.
//
// In the workspace "." is dist/index.js, which `tsc -b` writes and which finds @huggingface/tokenizers in node_modules. npm
// cannot change `exports` on publishing, so what is published is the folder dist with a package.json of its own, in which
// "." is the bundle and nothing is depended on: node scripts/bundle.mjs && npm publish dist.
//
// usage: node scripts/bundle.mjs [folder, by default dist]; fails where the bundle is larger than MOST_BYTES gzipped.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const MOST_BYTES = 40_000;
const FILE = 'espalier-runtime.js';
/** By name: what is behind ".", behind "./threads", and the script of a worker, which the latter looks for beside itself. */
const FILES = {
  [FILE]: 'src/index.ts',
  'threads.js': 'src/threads/index.ts',
  'worker.js': 'src/threads/worker.ts',
};
const BUNDLES = { '.': FILE, './threads': 'threads.js' };

const gzippedBytes = (contents) => gzipSync(contents, { level: 9 }).length;

const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(process.argv[2] ?? join(root, 'dist'));

/** Parts of @huggingface/tokenizers that this runtime never calls: 2.4 kB of the bundle, gzipped. */
const UNUSED = ['create_decoder', 'create_post_processor', 'Unigram', 'Legacy'];

/**
 * Patterns in a tokenizer.json go to JavaScript as they stand. What this replaces rewrites the parts of Rust's Oniguruma
 * that JavaScript lacks; tokenizers of BERT, DistilBERT, ELECTRA and RoBERTa have none of them. 4 kB, gzipped.
 */
const REWRITTEN = `const regex = rewrite_oniguruma_to_js(
      normalize_bloom_split_char_class(pattern.Regex)
    );`;

const withoutUnused = {
  name: 'without-unused',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]tokenizers\.mjs$/ }, async ({ path }) => {
      let contents = await readFile(path, 'utf8');
      for (const part of UNUSED) {
        const line = new RegExp(`^var ${part}_default = \\w+;$`, 'm');
        if (!line.test(contents)) throw new Error(`${path}: expected "var ${part}_default", found none`);
        contents = contents.replace(line, `var ${part}_default = () => null;`);
      }
      if (!contents.includes(REWRITTEN)) throw new Error(`${path}: expected ${REWRITTEN}, found none`);
      contents = contents.replace(REWRITTEN, 'const regex = pattern.Regex;');
      return { contents, loader: 'js' };
    });
  },
};

const { outputFiles } = await build({
  entryPoints: Object.entries(FILES).map(([file, source]) => ({
    in: join(root, source),
    out: file.replace(/\.js$/, ''),
  })),
  outdir: out,
  bundle: true,
  minify: true,
  write: false,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  legalComments: 'none',
  plugins: [withoutUnused],
  banner: { js: '/* @espalier/runtime, Apache-2.0; with @huggingface/tokenizers, Apache-2.0 */' },
});

const {
  private: _,
  scripts,
  devDependencies,
  files,
  exports,
  ...manifest
} = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const published = Object.entries(exports).map(([name, { types, default: file }]) => [
  name,
  {
    types: types.replace('/dist/', '/'),
    default: name in BUNDLES ? `./${BUNDLES[name]}` : file.replace('/dist/', '/'),
  },
]);
await mkdir(out, { recursive: true });
for (const { path, contents } of outputFiles) await writeFile(path, contents);
await writeFile(
  join(out, 'package.json'),
  `${JSON.stringify({ ...manifest, exports: Object.fromEntries(published) }, null, 2)}\n`,
);

for (const { path, contents } of outputFiles)
  console.log(`${basename(path)}: ${contents.length} bytes, ${gzippedBytes(contents)} gzipped`);
const { contents: code } = outputFiles.find(({ path }) => basename(path) === FILE);
if (gzippedBytes(code) > MOST_BYTES) {
  console.error(`${FILE}: expected at most ${MOST_BYTES} bytes gzipped`);
  process.exitCode = 1;
}
