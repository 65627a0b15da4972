// Packed files of whole models: what is read back is the model, within the steps of its form; the gate; sizes.
import { existsSync, readFileSync } from 'node:fs';
import { openPack, toF16, toSparseF16, toSparseInt8 } from '@espalier/runtime/format';
import { describe, expect, it } from 'vitest';
import type { Task } from '../../src/data/example.js';
import { exportPack, packModel } from '../../src/export/pack.js';
import { PACK_EMBEDDINGS, PACK_VALUES, type PackForm } from '../../src/export/pack-choices.js';
import { randomExamples } from '../../src/export/random-examples.js';
import { familyOf } from '../../src/models/families.js';
import { randomBert } from '../../src/models/initialise.js';
import { loadPack, unpackModel } from '../../src/models/pack-file.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { entropyBits, packTable } from '../../src/report/pack-size.js';
import { tinyBert } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const task: Task = { name: 'three', kind: 'classification', labels: ['a', 'b', 'c'], metrics: ['accuracy'] };
const config = { ...tinyBert, vocab_size: 50, hidden_size: 24, initializer_range: 0.3 };
const forms: PackForm[] = PACK_VALUES.flatMap((values) =>
  PACK_EMBEDDINGS.map((embeddings) => ({ values, embeddings })),
);

/** A model whose encoder matrices keep one value in five, or one block of four. */
function prunedModel(width = 1, of = task): Model {
  const model = withHead(randomBert(config, 1), of, 1);
  const { encoderLinear } = familyOf(model.config);
  for (const [name, { data }] of model.tensors) {
    if (!encoderLinear.test(name)) continue;
    data.forEach((_, at) => {
      if (Math.floor(at / width) % 5 !== 2) data[at] = 0;
    });
  }
  return model;
}

/** Root mean square of the difference over that of the values. */
function relativeError(expected: Float32Array, found: Float32Array): number {
  let [error, size] = [0, 0];
  expected.forEach((value, at) => {
    error += (value - found[at]!) ** 2;
    size += value ** 2;
  });
  return size === 0 ? Math.sqrt(error) : Math.sqrt(error / size);
}

describe('a packed model', () => {
  const model = prunedModel();

  it.each(forms)('with $values values and $embeddings embeddings is the model, zeros included', (form) => {
    const { bytes } = packModel(model, form, task);
    const found = unpackModel(bytes, 'tiny.espalier');
    expect(found.config).toEqual({ ...model.config, ...found.config });
    expect([...found.tensors.keys()]).toEqual([...model.tensors.keys()]);
    const { encoderLinear, words } = familyOf(model.config);
    for (const [name, { data, shape }] of model.tensors) {
      const { data: other } = found.tensors.get(name)!;
      const isEncoder = encoderLinear.test(name);
      if (shape.length === 1) expect(other).toEqual(data);
      if (isEncoder) expect(data.every((value, at) => value !== 0 || other[at] === 0)).toBe(true);
      const coarse = isEncoder
        ? form.values === 'codebook'
        : name === words.decoder && form.embeddings === '4bit';
      expect(relativeError(data, other)).toBeLessThan(coarse ? 0.15 : 0.012);
    }
    expect(openPack(bytes).header.task).toEqual({
      name: 'three',
      kind: 'classification',
      labels: task.labels,
    });
  });

  it('has blocks where they are full, no pattern where there are no zeros, and what was asked for elsewhere', () => {
    const kinds = (of: Model, values: PackForm['values']) =>
      packModel(of, { values, embeddings: 'int8' }).kinds;
    const dense = withHead(randomBert(config, 1), task, 1);
    expect(Object.keys(kinds(prunedModel(4), 'int8'))).toEqual(['sparse-1x4']);
    expect(Object.keys(kinds(prunedModel(4), 'codebook'))).toEqual(['sparse-codebook']);
    expect(Object.keys(kinds(model, 'int8'))).toEqual(['sparse-int8']);
    expect(Object.keys(kinds(dense, 'codebook'))).toEqual(['int8']);
    expect(Object.keys(kinds(dense, 'f16'))).toEqual(['f16']);
  });

  it('loses next to nothing when it is packed again', () => {
    const form = { values: 'int8', embeddings: 'int8' } as const;
    const once = unpackModel(packModel(model, form).bytes, 'once');
    const twice = unpackModel(packModel(once, form).bytes, 'twice');
    for (const [name, { data }] of once.tensors)
      expect(relativeError(data, twice.tensors.get(name)!.data)).toBeLessThan(0.01);
  });
});

describe('exportPack', () => {
  it('writes what loadPack reads, and says what the bytes are for', async () => {
    const model = prunedModel();
    const out = path('tiny.espalier');
    const result = await exportPack(model, out, { values: 'int8', embeddings: 'int8' }, { threads: 1 });
    expect(result.agreement).toBeGreaterThan(0.8);
    expect(result.examples).toBe(512);
    const { size } = result;
    const { encoder, embeddings, rest, tokenizer, header } = size;
    expect(encoder.values + encoder.pattern + embeddings + rest + tokenizer + header).toBe(size.bytes);
    expect(readFileSync(out)).toHaveLength(size.bytes);
    const parameters = [...model.tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
    expect(size.denseF32).toBe(4 * parameters);
    expect(packTable(size)).toContain('above the measured entropy of pattern and values');
    expect((await loadPack(out)).family).toBe('bert');
  });

  it('does not keep a file that decides otherwise', async () => {
    // A score is to be within 1 % of the range, which sixteen values do not give.
    const model = prunedModel(1, { ...task, kind: 'regression', labels: ['score'] });
    const dev = randomExamples(model, 64);
    const form = { values: 'codebook', embeddings: '4bit' } as const;
    const refused = await exportPack(model, path('no.espalier'), form, { threads: 1, dev });
    expect(refused.failure).toMatch(
      /no\.espalier was not written: .* expected at least 97 %; keep more .* with --gate, or --keep it$/,
    );
    expect(refused.kept).toBe(false);
    expect(existsSync(path('no.espalier'))).toBe(false);
    const kept = await exportPack(model, path('no.espalier'), form, { threads: 1, dev, keep: true });
    expect(kept.failure).toMatch(/failed its gate and was kept: .* expected at least 97 %$/);
    expect(existsSync(path('no.espalier'))).toBe(true);
  });

  it('refuses weights that are no numbers', async () => {
    const model = prunedModel();
    model.tensors.get('classifier.bias')!.data[1] = Number.NaN;
    const run = exportPack(
      model,
      path('nan.espalier'),
      { values: 'int8', embeddings: 'int8' },
      { threads: 1 },
    );
    await expect(run).rejects.toThrow('value 1: expected a finite number, found NaN');
  });

  it('names the file that is broken', () => {
    const { bytes } = packModel(prunedModel(), { values: 'int8', embeddings: 'int8' });
    bytes[bytes.length - 20]! ^= 1;
    expect(() => unpackModel(bytes, 'b.espalier')).toThrow(
      /^b\.espalier: .*its checksum is not that of its bytes/,
    );
  });
});

it('the entropy of half floats is that of their upper and of their lower bytes, which no file is below', () => {
  // 1, 1.5, -2, -3 are 0x3c00, 0x3e00, 0xc000, 0xc200: four upper bytes that differ, two bits each; one lower byte.
  const values = Float32Array.of(1, 1.5, -2, -3);
  expect(entropyBits(toF16([1, 4], values), 4)).toBeCloseTo(8, 9);
  expect(entropyBits(toSparseF16([1, 8], Float32Array.of(...values, 0, 0, 0, 0)), 8)).toBeCloseTo(8 + 8, 9);
  const { encoder } = packModel(prunedModel(), { values: 'f16', embeddings: 'int8' }).size;
  expect(encoder.values + encoder.pattern).toBeGreaterThan(encoder.entropy);
});

it('the entropy of a pattern and values is what a count by hand gives', () => {
  const values = Float32Array.of(0, 0, 0, 1, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0);
  // 2 of 16 places: 16 * (1/8 log2 8 + 7/8 log2 8/7) bits, and two values that differ: 2 bits.
  expect(entropyBits(toSparseInt8([1, 16], values), 16)).toBeCloseTo(
    16 * (3 / 8 + (7 / 8) * Math.log2(8 / 7)) + 2,
    9,
  );
});
