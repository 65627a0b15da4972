// Everything behind `import { load } from '@espalier/runtime'` in one file, what few packs need of it in another, threads in
// two more, and a package to publish.
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
import { minify } from 'terser';

const MOST_BYTES = 40_000;
const FILE = 'espalier-runtime.js';
const FALLBACK = 'espalier-fallback.js';
/**
 * By name: what is behind ".", and what that imports from beside itself where a pack needs it; what is behind "./threads", and
 * the script of a worker, which that looks for beside itself.
 */
const FILES = {
  [FILE]: 'src/index.ts',
  [FALLBACK]: 'src/decode/fallback.ts',
  'threads.js': 'src/threads/index.ts',
  'worker.js': 'src/threads/worker.ts',
};
const BUNDLES = { '.': FILE, './threads': 'threads.js' };

const gzippedBytes = (contents) => gzipSync(contents, { level: 9 }).length;

const root = fileURLToPath(new URL('..', import.meta.url));
const out = resolve(process.argv[2] ?? join(root, 'dist'));

/** Parts of @huggingface/tokenizers that only tokenizers of other families have; one that asks for them is refused by their name. */
const OF_OTHERS = 'Unigram Legacy Precompiled Metaspace Prepend FixedLength Digits Strip'.split(' ');
const ABSENT = `const absent = (part) => function () {
  throw new Error(part + ' belongs to tokenizers of other families');
};
`;

/** How methods of its classes begin that neither it nor this runtime calls: 0.5 kB. */
const UNCALLED = [
  ...['decode(token_ids, ', 'tokenize(text, ', 'id_to_token(', 'get_added_tokens_decoder(', 'get_vocab('],
  ...['clear_cache(', 'clear(', 'replace(', '_smallest(', 'tokenize_helper('],
];
const END_OF_METHOD = '\n  }\n';

/**
 * Statements that never run here, or make what is never read, each from its beginning up to what stands after it, and what stands
 * there instead: it has no settings and no decoder, encodes one text without special tokens, its queues have no end, and models
 * of other families are refused by the name of the last of them. 0.5 kB, gzipped.
 */
const WITHOUT_EFFECT = [
  ['const config_error =', 'this.normalizer = create', 'this.tokenizer = tokenizer;'],
  ['this.post_processor = create', 'const unnormalized_contents'],
  ['this.added_tokens.push(', 'this.model.tokens_to_ids.set(token.content'],
  ['if (token.special) {', 'this.added_tokens_map.set(token.content, token)'],
  ['(this.config.additional_special_tokens ?? [])', 'this.splitter_unnormalized ='],
  ['this.remove_space = this', '}\n  // Implementation'],
  ['if (this.remove_space === true)', 'if (this.normalizer !== null) {\n        processed_text'],
  [',\n      attention_mask:', '};\n    if (return_token_type_ids'],
  ['if (return_token_type_ids &&', 'return result;\n  }\n  decode('],
  [' else {\n        const smallest', '\n    }\n    return this.size'],
  ['const { tokens, token_type_ids } =', 'const input_ids', 'const tokens = this.encode_text(text);'],
  ['encode(text, {', 'const tokens', 'encode(text) {'],
  ['if (text === null) {', 'const sections ='],
  ['if (Array.isArray(model_config.vocab))', 'if (Object.hasOwn(model_config, "continuing'],
  ['new Unigram_default(model_config', ';\n    case "BPE"', 'new Unigram_default()'],
  ['new Legacy_default(model_config, {', ';\n        }\n      }\n      throw', 'new Legacy_default()'],
];

/**
 * Patterns in a tokenizer.json go to JavaScript as they stand. What this replaces rewrites what Rust's Oniguruma has and
 * JavaScript lacks; tokenizers of BERT, DistilBERT, ELECTRA and RoBERTa have none of it. 4 kB, gzipped.
 */
const REWRITTEN = `const regex = rewrite_oniguruma_to_js(
      normalize_bloom_split_char_class(pattern.Regex)
    );
    return compile_unicode_regexp(regex, "gu");`;

const withoutUnused = {
  name: 'without-unused',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]tokenizers\.mjs$/ }, async ({ path }) => {
      let contents = await readFile(path, 'utf8');
      const instead = [
        ...OF_OTHERS.map((part) => [`${part}_default`, `absent('${part}')`]),
        ['Replace_default2', "absent('Replace')"], // not the normalizer, but before the model
      ];
      for (const [name, value] of instead) {
        const line = new RegExp(`^var ${name} = \\w+;$`, 'm');
        if (!line.test(contents)) throw new Error(`${path}: expected "var ${name}", found none`);
        contents = contents.replace(line, `var ${name} = ${value};`);
      }
      for (const [from, until, instead = ''] of WITHOUT_EFFECT) {
        const start = contents.indexOf(from);
        const end = contents.indexOf(until, start);
        if (start < 0 || end < 0 || contents.includes(from, start + 1))
          throw new Error(`${path}: expected "${from}" once, and then "${until}"`);
        contents = contents.slice(0, start) + instead + contents.slice(end);
      }
      for (const method of UNCALLED) {
        const [before, from, ...others] = contents.split(`\n  ${method}`);
        if (from === undefined || others.length > 0) throw new Error(`${path}: expected "${method}" once`);
        contents = before + from.slice(from.indexOf(END_OF_METHOD) + END_OF_METHOD.length - 1);
      }
      if (!contents.includes(REWRITTEN)) throw new Error(`${path}: expected ${REWRITTEN}, found none`);
      contents = contents.replace(REWRITTEN, 'return new RegExp(pattern.Regex, "gu");');
      return { contents: ABSENT + contents, loader: 'js' };
    });
  },
};

/**
 * Names that a bundle alone reads, and no other module of this package: private ones of the tokenizers, and the instructions of
 * the assembler. 0.4 kB, gzipped.
 */
const INTERNAL =
  /^(_\w+|tokens_to_ids|added_tokens_map|splitter_\w+|pre_tokenize|pre_tokenize_text|encode_text|is_empty|unk_token_id|add_node|is_control|load(8S|8U|16U|16Splat|32Splat|32Zero|64Zero)|store(Low|Half)|shr[SU]|minU|ltU|leU|eqz|divU|popcnt|reinterpret|convert[SU]|demote|promote(Low)?|andNot|anyTrue|shuffle|bitmask|geU|gtS|maxS|q15mulr(Sat)?|narrow[SU]|extend(Low|High)[SU]|extractLaneU?|swizzle|splat|pm(in|ax)|toI32|madd|dot(Add)?I8x16)$/;

/** The import of the fallback stays one: of the file beside the bundle. */
const fallbackApart = {
  name: 'fallback-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\/fallback\.js$/ }, () => ({ path: `./${FALLBACK}`, external: true }));
  },
};

/** esbuild bundles, each file by itself; terser, which knows more ways to say the same, makes 2.4 kB less of it, gzipped. */
async function bundled([file, source]) {
  const { outputFiles } = await build({
    entryPoints: [join(root, source)],
    bundle: true,
    minifySyntax: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    plugins: [withoutUnused, fallbackApart],
    mangleProps: INTERNAL,
    banner: { js: '/* @espalier/runtime, Apache-2.0; with @huggingface/tokenizers, Apache-2.0 */' },
  });
  const { code } = await minify(outputFiles[0].text, {
    ecma: 2022,
    module: true,
    compress: { passes: 3, keep_fargs: false, hoist_props: true, pure_getters: true },
    format: { comments: /@espalier/ },
  });
  return { path: join(out, file), contents: Buffer.from(code) };
}

const outputFiles = await Promise.all(Object.entries(FILES).map(bundled));

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
