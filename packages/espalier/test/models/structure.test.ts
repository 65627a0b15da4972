// Models whose blocks have counts of their own: what belongs to a group, what PyTorch computes when groups are zero, the
// way to a folder and back, and the padded form.
import { describe, expect, it } from 'vitest';
import { FormatError } from '../../src/errors.js';
import { paddedModel } from '../../src/export/padded.js';
import { bertBlocks } from '../../src/models/blocks.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { parseConfig } from '../../src/models/config.js';
import { familyOf } from '../../src/models/families.js';
import { type GroupKind, groupsOf, keepGroups } from '../../src/models/groups.js';
import { dropLayers } from '../../src/models/layers.js';
import type { Model } from '../../src/models/model.js';
import { isRagged, structureOf, withStructure } from '../../src/models/structure.js';
import { f32 } from '../../src/tensor/tensor.js';
import { createPredictor } from '../../src/train/predictor.js';
import type { Example, Task } from '../../src/data/example.js';
import { golden } from '../support/golden.js';
import { expectNear } from '../support/near.js';
import { temporaryFolder } from '../support/temporary.js';
import { firstStep, modelBits, randomModel, relativeError, twoClasses } from '../support/training.js';

const path = temporaryFolder();
const task: Task = { ...twoClasses, labels: ['a', 'b', 'c'] };

/** What stays of the models of `scripts/structured_goldens.py`. */
const KEPT: Record<GroupKind, number[][]> = {
  heads: [[], [1]],
  neurons: [Array.from({ length: 24 }, (_, i) => i).filter((i) => ![0, 7, 23].includes(i)), []],
};

function cut(model: Model): Model {
  const tensors = new Map(model.tensors);
  const groups = groupsOf(familyOf(model.config).blocks!, model.config);
  for (const kind of ['heads', 'neurons'] as const)
    for (const [block, of] of groups[kind].entries()) keepGroups(tensors, of, KEPT[kind][block]!);
  const left = { heads: [0, 1], neurons: [21, 0] };
  return { ...model, tensors, config: withStructure(model.config, left) };
}

async function logitsOf(model: Model, examples: readonly Example[]): Promise<number[]> {
  const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: 0, rows: 5 });
  const logits = await predictor.logits(examples);
  await predictor.release();
  return logits.flatMap((row) => [...row]);
}

describe('the groups of BERT-base', () => {
  const base = parseConfig({ model_type: 'bert' }, 'config.json');
  const { heads, neurons } = groupsOf(bertBlocks('bert.encoder.layer.'), base);

  it('are 12 heads of 196,800 parameters and 3,072 neurons of 1,537 in each block', () => {
    expect(heads.map(({ count, parameters }) => [count, parameters])).toEqual(
      new Array(12).fill([12, 196_800]),
    );
    expect(neurons.map(({ count, parameters }) => [count, parameters])).toEqual(
      new Array(12).fill([3072, 1537]),
    );
  });

  it('leave the biases of both output layers', () => {
    const names = [...heads, ...neurons].flatMap(({ members }) => members.map(({ name }) => name));
    expect(names.filter((name) => /output\.dense\.bias/.test(name))).toEqual([]);
    expect(new Set(names).size).toBe(12 * (7 + 3));
  });

  it('are what the table of tensors loses', () => {
    const count = (config: typeof base): number =>
      familyOf(config)
        .tensors(config)
        .get('encoder')!
        .reduce((sum, [, shape]) => sum + shape.reduce((product, extent) => product * extent, 1), 0);
    const left = structureOf(base);
    const without = (kind: GroupKind, lost: number): number =>
      count(base) -
      count(withStructure(base, { ...left, [kind]: left[kind].map((n, i) => (i === 3 ? n - lost : n)) }));
    expect(without('heads', 2)).toBe(2 * 196_800);
    expect(without('neurons', 5)).toBe(5 * 1537);
    expect(without('heads', 12)).toBe(12 * 196_800); // all but the bias
    expect(without('neurons', 3072)).toBe(3072 * 1537);
  });
});

describe.each(['bert', 'distilbert', 'roberta', 'electra'])(
  'a %s that has lost heads and neurons',
  (name) => {
    const file = `${name}-structured.safetensors`;

    it('has the logits of one in PyTorch where they are zero, cut, padded and as it was', async () => {
      const { model, examples, tensor } = await golden(file, task);
      const expected = tensor('logits').data;
      const ragged = cut(model);
      const padded = paddedModel(ragged);
      for (const of of [model, ragged, padded]) expectNear(await logitsOf(of, examples), expected, 1e-5);
      expect(isRagged(padded.config)).toBe(false);
      expect(structureOf(padded.config)).toEqual({ heads: [2, 2], neurons: [21, 21] });
    });

    it('has the gradients of PyTorch', async () => {
      const { model, tensor, gradients, settings, ...run } = await golden(file, task);
      const found = await firstStep({ ...run, model: cut(model), settings: { ...settings, clip: 0 } });
      expect(Math.abs(found.loss - Number(tensor('loss').data[0]))).toBeLessThan(1e-5);
      const whole = new Map([...model.tensors].map(([n, { shape }]) => [n, f32(shape, gradients.get(n))]));
      const expected = cut({ ...model, tensors: whole }).tensors;
      expect([...found.gradients.keys()].sort()).toEqual([...expected.keys()].sort());
      const of = new Map([...expected].map(([n, { data }]) => [n, data]));
      expect(relativeError(found.gradients, of)).toBeLessThan(2e-6);
    });

    it('is written with its counts and read again', async () => {
      const ragged = cut((await golden(file, task)).model);
      await saveCheckpoint(path(name), ragged);
      const again = await loadCheckpoint(path(name));
      expect(structureOf(again.config)).toEqual({ heads: [0, 1], neurons: [21, 0] });
      expect(modelBits(again)).toEqual(modelBits(ragged));
      await saveCheckpoint(path(name, 'padded'), paddedModel(again));
      expect((await loadCheckpoint(path(name, 'padded'))).config.espalier).toBeUndefined();
    });
  },
);

it('layers of a ragged model are dropped with their counts', async () => {
  const ragged = cut((await golden('bert-structured.safetensors', task)).model);
  for (const [gone, heads, neurons] of [
    [1, 1, 0],
    [2, 0, 21],
  ] as const) {
    const left = dropLayers(ragged, [gone]);
    expect(structureOf(left.config)).toEqual({ heads: [heads], neurons: [neurons] });
    await saveCheckpoint(path(`dropped-${gone}`), left);
    expect(modelBits(await loadCheckpoint(path(`dropped-${gone}`)))).toEqual(modelBits(left));
  }
});

describe('withStructure', () => {
  const { config } = randomModel(); // 2 blocks of 2 heads and 12 neurons

  it('needs no key where all blocks have as many neurons and no head is gone', () => {
    expect(withStructure(config, { heads: [2, 2], neurons: [12, 12] })).toEqual(config);
    const narrow = withStructure(config, { heads: [2, 2], neurons: [5, 5] });
    expect(narrow).toEqual({ ...config, intermediate_size: 5 });
  });

  it.each([
    [{ heads: [1, 1], neurons: [12, 12] }, { heads: [1, 1] }], // stock heads are as wide as hidden_size / heads
    [{ heads: [2, 2], neurons: [12, 3] }, { neurons: [12, 3] }],
    [
      { heads: [2, 0], neurons: [0, 0] },
      { heads: [2, 0], neurons: [0, 0] },
    ],
  ])('writes %o as %o, and reads it back', (structure, key) => {
    const ragged = withStructure(config, structure);
    expect(ragged.espalier).toEqual(key);
    expect(structureOf(ragged)).toEqual(structure);
    expect(structureOf(withStructure(ragged, structure))).toEqual(structure);
  });
});

describe('the key "espalier"', () => {
  const parse = (espalier: unknown): unknown =>
    parseConfig(
      { model_type: 'distilbert', n_layers: 2, n_heads: 4, hidden_dim: 9, espalier },
      'config.json',
    );

  it.each([
    [{ heads: [1] }, /espalier\.heads: expected 2 counts, one for each block, of at most 4; found \[1\]/],
    [{ heads: [5, 1] }, /espalier\.heads: expected 2 counts.* found \[5,1\]/],
    [{ neurons: [9, 10] }, /espalier\.neurons: .*at most 9/],
    [{ neurons: [9, -1] }, /espalier\.neurons\.1/],
    [{ heads: 3 }, /espalier\.heads/],
    [{ layers: [1, 1] }, /espalier.*layers/],
  ])('is refused as %o', (value, message) => {
    expect(() => parse(value)).toThrow(FormatError);
    expect(() => parse(value)).toThrow(message);
  });

  it('must fit the tensors', async () => {
    const model = randomModel();
    const wrong = { ...model, config: { ...model.config, espalier: { heads: [2, 1] } } };
    await expect(saveCheckpoint(path('wrong'), wrong)).rejects.toThrow(
      /layer\.1\.attention\.self\.query\.weight": expected \[4, 8\] from config\.json, found \[8, 8\]/,
    );
  });
});
