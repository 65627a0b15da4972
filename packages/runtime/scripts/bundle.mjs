// Everything behind `import { load } from '@espalier/runtime'` in one file without imports, and a package to publish.
//
// In the workspace "." is dist/index.js, which `tsc -b` writes and which finds @huggingface/tokenizers in node_modules. npm
// cannot change `exports` on publishing, so what is published is the folder dist with a package.json of its own, in which
// "." is the bundle and nothing is depended on: node scripts/bundle.mjs && npm publish dist.
//
// usage: node scripts/bundle.mjs [folder, by default dist]; fails where the bundle is larger than MOST_BYTES gzipped.
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const MOST_BYTES = 48_000;
const FILE = 'espalier-runtime.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(process.argv[2] ?? join(root, 'dist'));

/** Parts of @huggingface/tokenizers that this runtime never calls: 2.4 kB of the bundle, gzipped. */
const UNUSED = ['create_decoder', 'create_post_processor', 'Unigram', 'Legacy'];

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
      return { contents, loader: 'js' };
    });
  },
};

const { outputFiles } = await build({
  entryPoints: [join(root, 'src/index.ts')],
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
const code = outputFiles[0].contents;

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
    default: name === '.' ? `./${FILE}` : file.replace('/dist/', '/'),
  },
]);
await writeFile(join(out, FILE), code);
await writeFile(
  join(out, 'package.json'),
  `${JSON.stringify({ ...manifest, exports: Object.fromEntries(published) }, null, 2)}\n`,
);

const gzipped = gzipSync(code, { level: 9 }).length;
console.log(`${FILE}: ${code.length} bytes, ${gzipped} gzipped, of at most ${MOST_BYTES}`);
if (gzipped > MOST_BYTES) process.exitCode = 1;
