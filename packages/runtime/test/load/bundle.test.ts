// The file that is published: it stands alone, needs neither Node nor `eval`, is small, and is the same runtime.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import * as runtime from '../../src/index.js';
import { tinyModelPack } from '../support/packed-model.js';

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
    expect(code.match(pattern)).toBeNull();
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
    }
    await expect(bundled.load(bytes.slice(9))).rejects.toBeInstanceOf(bundled.PackError);
  });

  it('is published with a package.json of its own, that depends on nothing', () => {
    const { exports, ...manifest } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      exports: Record<string, unknown>;
    };
    expect(exports['.']).toEqual({ types: './index.d.ts', default: './espalier-runtime.js' });
    expect(Object.keys(manifest)).not.toContain('private');
    expect(Object.keys(manifest).filter((key) => /dependencies/i.test(key))).toEqual([]);
  });
});
