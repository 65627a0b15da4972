// Layer dropping: the index sets and parameter counts of the specification (C.2, C.5), deletion, and what is refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import { parseConfig } from '../../src/models/config.js';
import { familyOf } from '../../src/models/families.js';
import {
  droppedLayers,
  dropLayers,
  highestScores,
  layerCount,
  scoresAbove,
  STRATEGIES,
} from '../../src/models/layers.js';
import type { Model } from '../../src/models/model.js';
import { sizeOf } from '../../src/tensor/tensor.js';
import { modelBits, randomModel } from '../support/training.js';

describe('which layers a strategy drops', () => {
  it.each([
    // The table of C.2.
    ['top', 4, 12, [9, 10, 11, 12]],
    ['top', 6, 12, [7, 8, 9, 10, 11, 12]],
    ['bottom', 4, 12, [1, 2, 3, 4]],
    ['bottom', 6, 12, [1, 2, 3, 4, 5, 6]],
    ['even', 4, 12, [6, 8, 10, 12]],
    ['even', 6, 12, [2, 4, 6, 8, 10, 12]],
    ['odd', 4, 12, [5, 7, 9, 11]],
    ['odd', 6, 12, [1, 3, 5, 7, 9, 11]],
    ['symmetric', 6, 12, [4, 5, 6, 7, 8, 9]],
    ['symmetric', 4, 12, [5, 6, 7, 8]],
    // Where it says nothing: an odd number stays in symmetric, or the layers are odd in number.
    ['symmetric', 3, 12, [6, 7, 8]],
    ['symmetric', 1, 4, [3]],
    ['symmetric', 1, 3, [2]],
    ['symmetric', 2, 3, [2, 3]],
    ['even', 1, 5, [4]],
    ['even', 2, 5, [2, 4]],
    ['odd', 1, 5, [5]],
    ['odd', 3, 5, [1, 3, 5]],
    ['top', 1, 2, [2]],
    ['bottom', 1, 2, [1]],
  ] as const)('%s, %i of %i', (strategy, count, layers, expected) => {
    expect(droppedLayers(strategy, count, layers)).toEqual(expected);
  });

  it('always as many as asked, in rising order, within the model', () => {
    const cases = fc.integer({ min: 2, max: 30 }).chain((layers) =>
      fc.record({
        layers: fc.constant(layers),
        count: fc.integer({ min: 1, max: layers - 1 }),
        strategy: fc.constantFrom(...STRATEGIES),
      }),
    );
    fc.assert(
      fc.property(cases, ({ strategy, count, layers }) => {
        const there = strategy === 'even' ? Math.floor(layers / 2) : Math.ceil(layers / 2);
        if (/even|odd/.test(strategy) && count > there) {
          expect(() => droppedLayers(strategy, count, layers)).toThrow(UsageError);
          return;
        }
        const found = droppedLayers(strategy, count, layers);
        expect(found).toHaveLength(count);
        expect([...new Set(found)].sort((a, b) => a - b)).toEqual(found);
        expect(found.every((layer) => layer >= 1 && layer <= layers)).toBe(true);
      }),
    );
  });

  it('a count from a fraction', () => {
    expect([0.25, 0.3, 0.375, 0.5, 0.8].map((fraction) => layerCount(fraction, 4))).toEqual([1, 1, 2, 2, 3]);
    expect(() => layerCount(0.1, 4)).toThrow(
      'sparsity 0.1 of 4 layers rounds to 0: expected at least 1 dropped and 1 kept; change the sparsity, or say how ' +
        'many with --set layers=K',
    );
    expect(() => layerCount(0.9, 4)).toThrow('rounds to 4');
    expect(() => layerCount(0.5, 1)).toThrow('rounds to 1');
  });
});

describe('which layers scores drop', () => {
  const scores = [0.7, 0.95, 0.9, 0.95];

  it('the highest, of equal ones the upper', () => {
    expect(highestScores(scores, 1)).toEqual([4]);
    expect(highestScores(scores, 2)).toEqual([2, 4]);
    expect(highestScores(scores, 3)).toEqual([2, 3, 4]);
    expect(() => highestScores(scores, 4)).toThrow('4 of 4 layers cannot be dropped');
  });

  it('those above a threshold', () => {
    expect(scoresAbove(scores, 0.9)).toEqual([2, 4]);
    expect(scoresAbove(scores, 0.89)).toEqual([2, 3, 4]);
    expect(() => scoresAbove(scores, 0.95)).toThrow(
      'threshold 0.95: no layer scores above it (scores 0.7000, 0.9500, 0.9000, 0.9500); choose one between',
    );
    expect(() => scoresAbove(scores, 0.5)).toThrow('threshold 0.5: every layer scores above it');
  });
});

describe('what is left', () => {
  const four = randomModel({ num_hidden_layers: 4 });
  const PREFIX = 'bert.encoder.layer.';

  it.each([
    [2, 95_306_496],
    [3, 88_218_624],
    [4, 81_130_752],
    [6, 66_955_008],
  ])('BERT-base without %i layers has %i parameters', (count, expected) => {
    const config = parseConfig({ model_type: 'bert' }, 'config.json');
    const table = familyOf(config).tensors(config);
    const shapes = (['embeddings', 'encoder', 'pooler'] as const).flatMap((part) => table.get(part)!);
    // Shapes alone: 438 MB of numbers would say no more.
    const model: Model = {
      ...{ source: 'base', family: 'bert', config, tokenizerFiles: new Map() },
      tensors: new Map(
        shapes.map(([name, shape]) => [name, { dtype: 'F32', shape, data: new Float32Array(0) }]),
      ),
    };
    const parameters = ({ tensors }: Model): number =>
      [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    expect(parameters(model)).toBe(109_482_240);
    for (const strategy of STRATEGIES) {
      const smaller = dropLayers(model, droppedLayers(strategy, count, 12));
      expect(parameters(smaller)).toBe(expected);
      const left = familyOf(config).tensors(smaller.config).get('encoder')!;
      expect([...smaller.tensors.keys()].filter((name) => name.startsWith(PREFIX))).toEqual(
        left.map(([name]) => name),
      );
    }
  });

  /** The slow way, which depends on going down: delete one layer, move those above it. */
  function oneByOne(model: Model, dropped: readonly number[]): Model['tensors'] {
    let tensors = new Map(model.tensors);
    for (const layer of [...dropped].sort((a, b) => b - a)) {
      const shifted: Model['tensors'] = new Map();
      for (const [name, tensor] of tensors) {
        const number = /^bert\.encoder\.layer\.(\d+)\.(.*)$/.exec(name);
        if (!number) shifted.set(name, tensor);
        else if (Number(number[1]) < layer - 1) shifted.set(name, tensor);
        else if (Number(number[1]) > layer - 1)
          shifted.set(`${PREFIX}${Number(number[1]) - 1}.${number[2]!}`, tensor);
      }
      tensors = shifted;
    }
    return tensors;
  }

  it('is that of deleting from the top down, in whatever order the layers are named', () => {
    const twelve = randomModel({ num_hidden_layers: 12, hidden_size: 2, intermediate_size: 2 });
    const sets = fc.shuffledSubarray(
      [...Array(12).keys()].map((i) => i + 1),
      { minLength: 1, maxLength: 11 },
    );
    fc.assert(
      fc.property(sets, (dropped) => {
        const smaller = dropLayers(twelve, dropped);
        const expected = oneByOne(twelve, dropped);
        expect([...smaller.tensors.keys()]).toEqual([...expected.keys()]);
        for (const [name, tensor] of expected) expect(smaller.tensors.get(name)).toBe(tensor);
        expect(smaller.config.num_hidden_layers).toBe(12 - dropped.length);
      }),
      { numRuns: 30 },
    );
  });

  it('leaves the model that it was made from as it was, and no record of its int8 form', () => {
    const before = modelBits(four);
    const quantisation = { layers: {}, tables: {} };
    const smaller = dropLayers({ ...four, quantisation }, [2]);
    expect(smaller.quantisation).toBeUndefined();
    expect(modelBits(four)).toEqual(before);
    expect(four.config.num_hidden_layers).toBe(4);
  });

  it.each([
    [[1, 2, 3, 4], '4 of 4 layers cannot be dropped: expected at least 1 dropped and 1 kept'],
    [[], '0 of 4 layers cannot be dropped'],
    [[0], 'layers to drop: expected numbers of 1 to 4, found 0; name others'],
    [[2, 5], 'expected numbers of 1 to 4, found 5'],
    [[1.5], 'expected numbers of 1 to 4, found 1.5'],
  ])('refuses %j', (dropped, message) => {
    const drop = (): Model => dropLayers(four, dropped);
    expect(drop).toThrow(UsageError);
    expect(drop).toThrow(message);
  });

  it('refuses more even or odd layers than there are', () => {
    expect(() => droppedLayers('even', 3, 4)).toThrow(
      'drop-even: expected at most 2, the even ones of 4 layers, found 3; drop fewer, or by another strategy',
    );
    expect(() => droppedLayers('odd', 3, 4)).toThrow('drop-odd: expected at most 2');
    expect(() => droppedLayers('top', 4, 4)).toThrow('4 of 4 layers cannot be dropped');
  });
});
