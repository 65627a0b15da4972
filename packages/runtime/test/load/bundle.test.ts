// The files that are published: they need neither Node nor `eval`, the one that is always loaded is small and imports only
// the other, where a pack needs it, and they are the same runtime.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import * as runtime from '../../src/index.js';
import type * as threadsModule from '../../src/threads/index.js';
import { toF16 } from '../../src/format/index.js';
import { sectionsOf } from '../../src/decode/read-sections.js';
import { repairChecksums } from '../format/tiny-pack.js';
import { tinyModelPack } from '../support/packed-model.js';

type Threads = typeof threadsModule;

const folder = mkdtempSync(join(tmpdir(), 'espalier-bundle-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// Fails where the bundle is too large.
execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/bundle.mjs', import.meta.url)), folder]);
const path = join(folder, 'espalier-runtime.js');
const code = readFileSync(path, 'utf8');

const pieces = ['<s>', '<pad>', '</s>', '<unk>', '<mask>', 'a', 'b', 'ab', 'Ġ', 'Ġab', 'e'];
const encoder = new TextEncoder();
const bytePairs = new Map([
  ['vocab.json', encoder.encode(JSON.stringify(Object.fromEntries(pieces.map((piece, id) => [piece, id]))))],
  ['merges.txt', encoder.encode('#version: 0.2\na b\nĠ ab\n')],
]);

const threadsCode = readFileSync(join(folder, 'threads.js'), 'utf8');
const workerCode = readFileSync(join(folder, 'worker.js'), 'utf8');
const fallbackCode = readFileSync(join(folder, 'espalier-fallback.js'), 'utf8');
const FALLBACK_IMPORT = 'import("./espalier-fallback.js")';

/** The first file alone in a folder. */
async function loadedAlone(): Promise<typeof runtime> {
  const alone = mkdtempSync(join(folder, 'alone-'));
  writeFileSync(join(alone, 'package.json'), '{"type":"module"}');
  copyFileSync(path, join(alone, 'espalier-runtime.js'));
  return (await import(pathToFileURL(join(alone, 'espalier-runtime.js')).href)) as typeof runtime;
}

/** What a load was refused for; its error is one of the runtime's own classes. */
async function refusal(
  { load, PackError, RuntimeError }: typeof runtime,
  pack: Uint8Array,
  options: runtime.LoadOptions = {},
): Promise<string | undefined> {
  const error: unknown = await load(pack, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) return undefined;
  if (error instanceof PackError || error instanceof RuntimeError)
    return `${error.name} ${error.code}: ${error.message}`;
  throw new Error("expected one of the runtime's errors", { cause: error });
}

describe('the bundle', () => {
  it.each([
    ['imports', /\bimport\s*[\w{*"'(]/],
    ['modules of Node', /["']node:/],
    ['require', /\brequire\s*\(/],
    ['eval', /\beval\s*\(/],
    ['new Function', /\bFunction\s*\(/],
    ['process', /\bprocess\./],
    ['Buffer', /\bBuffer\b/],
  ])('has no %s', (_, pattern) => {
    const parts = code.split(FALLBACK_IMPORT);
    expect(parts).toHaveLength(2);
    for (const of of [...parts, fallbackCode, threadsCode, workerCode]) expect(of.match(pattern)).toBeNull();
  });

  it('computes in threads with the two files beside it', async () => {
    const bundled = (await import(pathToFileURL(path).href)) as typeof runtime;
    const { threads } = (await import(pathToFileURL(join(folder, 'threads.js')).href)) as Threads;
    const options = { largest: { rows: 8, length: 96 } };
    const pack = tinyModelPack({
      config: { max_position_embeddings: 96 },
      shapes: { 'bert.embeddings.position_embeddings.weight': [96, 8] },
    });
    // Long enough for every thread to have tiles of its own.
    const batch = Array.from({ length: 64 }, (_, row) => ({
      ids: Array.from({ length: 96 }, (_, i) => (row + i) % 11),
    }));
    const found = await bundled.load(pack, { ...options, threads: threads(2) });
    expect([found.threads, found.note]).toEqual([2, undefined]);
    expect(await found.embedIds(batch)).toEqual(await (await runtime.load(pack, options)).embedIds(batch));
    await found[Symbol.asyncDispose]();
    expect(found.threads).toBe(1);
  });

  it('exports what the source does, and answers as it does', async () => {
    const bundled = (await import(pathToFileURL(path).href)) as typeof runtime;
    expect(Object.keys(bundled)).toEqual(Object.keys(runtime).sort());
    const bytes = tinyModelPack();
    const [text, pair] = ['the pears were sweet', 'ab a'];
    for (const pack of [bytes, tinyModelPack({ files: bytePairs })]) {
      const [found, expected] = [await bundled.load(pack), await runtime.load(pack)];
      expect(await found.classify({ text, pair })).toEqual(await expected.classify({ text, pair }));
      expect(Object.values(found.levels)).not.toContain('scalar');
      const { config, labels, task, bytes: size } = expected;
      expect([found.config, found.labels, found.task, found.bytes]).toEqual([config, labels, task, size]);
    }
    await expect(bundled.load(bytes.slice(9))).rejects.toBeInstanceOf(bundled.PackError);
  });

  it('needs its second file for a head of int8, and for none of f16', async () => {
    const [bundled, alone] = [
      (await import(pathToFileURL(path).href)) as typeof runtime,
      await loadedAlone(),
    ];
    const [dense, halves] = [tinyModelPack(), tinyModelPack({ pack: toF16 })];
    const found = await (await bundled.load(dense, { form: 'q15' })).classify('the pears');
    expect(found).toEqual(await (await runtime.load(dense, { form: 'q15' })).classify('the pears'));
    expect(await (await alone.load(halves)).classify('the pears')).toEqual(
      await (await runtime.load(halves)).classify('the pears'),
    );
    expect(await refusal(alone, dense)).toMatch(
      /^RuntimeError fetch: espalier-fallback.js: .* put it beside/,
    );
  });

  it('without SIMD is the same encoder', async () => {
    const bundled = (await import(pathToFileURL(path).href)) as typeof runtime;
    const [pack, options] = [tinyModelPack({ pack: toF16 }), { levels: ['scalar'] } as const];
    const [found, expected] = [await bundled.load(pack, options), await runtime.load(pack, options)];
    expect(await found.classify('the pears')).toEqual(await expected.classify('the pears'));
  });

  it('refuses broken files with the same errors, of its own classes', async () => {
    const bundled = (await import(pathToFileURL(path).href)) as typeof runtime;
    const codes = new Set<string>();
    for (const original of [tinyModelPack(), tinyModelPack({ pack: toF16 })])
      for (const { section } of sectionsOf(original).sections)
        for (const at of [0, 8, 10, section.length - 1]) {
          const pack = original.slice();
          pack[section.offset + at]! ^= 0x7f;
          repairChecksums(pack);
          const found = await refusal(bundled, pack);
          expect(found, `${section.name}: byte ${at}`).toBe(await refusal(runtime, pack));
          if (found !== undefined) codes.add(found.split(':')[0]!);
        }
    expect([...codes]).toEqual(expect.arrayContaining(['PackError count', 'PackError stream']));
  });

  it('names the part of a tokenizer that it has not', async () => {
    const bundled = (await import(pathToFileURL(path).href)) as typeof runtime;
    const definition = {
      model: { type: 'WordPiece', unk_token: '[UNK]', vocab: { '[UNK]': 0 } },
      ...{ normalizer: null, pre_tokenizer: { type: 'Metaspace', replacement: '_' }, added_tokens: [] },
    };
    const files = new Map([['tokenizer.json', encoder.encode(JSON.stringify(definition))]]);
    expect(await refusal(bundled, tinyModelPack({ files }))).toMatch(
      /^RuntimeError tokenizer: tokenizer.json: Metaspace belongs to tokenizers of other families/,
    );
  });

  it('is published with a package.json of its own, that depends on nothing', () => {
    const { exports, ...manifest } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
    };
    expect(exports['.']).toEqual({ types: './index.d.ts', default: './espalier-runtime.js' });
    expect(exports['./threads']).toEqual({ types: './threads/index.d.ts', default: './threads.js' });
    expect(Object.keys(manifest)).not.toContain('private');
    expect(Object.keys(manifest).filter((key) => /dependencies/i.test(key))).toEqual([]);
  });
});
