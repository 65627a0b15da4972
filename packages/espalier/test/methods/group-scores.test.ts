// Scores of heads and neurons against a twin that looks at single weights, and which groups go.
import { describe, expect, it } from 'vitest';
import { gradientScores, magnitudeScores, normalised, weakest } from '../../src/methods/group-scores.js';
import { bertBlocks } from '../../src/models/blocks.js';
import { parseConfig } from '../../src/models/config.js';
import { type GroupKind, groupsOf } from '../../src/models/groups.js';
import { random } from '../../src/random.js';
import { randomModel } from '../support/training.js';

/** A random shape: hidden size, heads, neurons, some of them gone from the second block. */
function shapeOf(seed: number): { config: object; size: number } {
  const generator = random(seed, 'shape');
  const [size, heads, wide] = [
    1 + generator.integer(5),
    2 + generator.integer(4),
    3 + generator.integer(9),
  ] as const;
  const espalier = { heads: [heads, heads - 1], neurons: [wide, 1 + generator.integer(wide)] };
  const sizes = { hidden_size: size * heads, num_attention_heads: heads, intermediate_size: wide, espalier };
  return { config: sizes, size };
}

const fill = (shape: readonly number[], seed: number, name: string): Float32Array => {
  const generator = random(seed, 'gradient', name);
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => generator.normal());
};

describe.each([1, 2, 3, 4, 5, 6])('the scores of random shape %i', (seed) => {
  const { config, size } = shapeOf(seed);
  const model = randomModel(config, seed);
  const groups = groupsOf(bertBlocks('bert.encoder.layer.'), model.config);
  const gradients = new Map([...model.tensors].map(([name, { shape }]) => [name, fill(shape, seed, name)]));
  const weight = (name: string): Float32Array => model.tensors.get(name)!.data;
  const gradient = (name: string): Float32Array => gradients.get(name)!;

  /** Every weight of a group by its row and column, as C.8 lists them. */
  function pairs(kind: GroupKind, block: number, group: number): [w: number, g: number][] {
    const prefix = `bert.encoder.layer.${block}.`;
    const heads = kind === 'heads';
    const rows = heads ? Array.from({ length: size }, (_, i) => group * size + i) : [group];
    const readers = heads
      ? ['query', 'key', 'value'].map((r) => `attention.self.${r}`)
      : ['intermediate.dense'];
    const at = (name: string, i: number): [number, number] => [weight(name)[i]!, gradient(name)[i]!];
    const hidden = model.config.hidden_size;
    const read = `${prefix}${heads ? 'attention.output.dense' : 'output.dense'}.weight`;
    const columns = model.tensors.get(read)!.shape[1]!;
    const found: [number, number][] = [];
    for (const row of rows) {
      for (const reader of readers) {
        found.push(at(`${prefix}${reader}.bias`, row));
        for (let column = 0; column < hidden; column++)
          found.push(at(`${prefix}${reader}.weight`, row * hidden + column));
      }
      for (let out = 0; out < hidden; out++) found.push(at(read, out * columns + row));
    }
    return found;
  }

  it.each(['heads', 'neurons'] as const)('of %s are those of the twin', (kind) => {
    for (const [block, of] of groups[kind].entries()) {
      const [magnitude, first] = [magnitudeScores(of, weight), gradientScores(of, weight, gradient)];
      expect(magnitude).toHaveLength(of.count);
      for (let group = 0; group < of.count; group++) {
        const all = pairs(kind, block, group);
        expect(all).toHaveLength(of.parameters);
        const mean = all.reduce((sum, [w]) => sum + w * w, 0) / all.length;
        const effect = Math.abs(all.reduce((sum, [w, g]) => sum + w * g, 0));
        expect(magnitude[group]).toBeCloseTo(mean, 10);
        expect(first[group]).toBeCloseTo(effect, 10);
      }
    }
  });
});

describe('normalised', () => {
  it('has norm one, and keeps zeros', () => {
    expect([...normalised(Float64Array.of(3, 4))]).toEqual([0.6, 0.8]);
    expect([...normalised(Float64Array.of(0, 0))]).toEqual([0, 0]);
    expect([...normalised(new Float64Array())]).toEqual([]);
  });

  it('takes the layers of BERT-large', () => {
    const { intermediate_size: wide } = parseConfig({ model_type: 'bert', intermediate_size: 4096 }, 'c');
    expect(normalised(new Float64Array(wide).fill(7))[5]).toBeCloseTo(1 / 64, 12);
  });
});

describe('weakest', () => {
  const none = (blocks: number): ReadonlySet<number>[] => Array.from({ length: blocks }, () => new Set());

  it('takes the lowest over all blocks, ties by place', () => {
    const scores = [Float64Array.of(5, 1, 2), Float64Array.of(1, 9, 0)];
    expect(weakest(scores, none(2), 3, 0)).toEqual([
      { block: 1, group: 2 },
      { block: 0, group: 1 },
      { block: 1, group: 0 },
    ]);
  });

  it('passes over what is gone, and over blocks at their minimum', () => {
    const scores = [Float64Array.of(0, 1, 2), Float64Array.of(7, 8, 9)];
    expect(weakest(scores, [new Set([0]), new Set()], 2, 1)).toEqual([
      { block: 0, group: 1 },
      { block: 1, group: 0 },
    ]);
  });

  it('leaves at least the minimum, whatever the scores and however many are asked for', () => {
    const generator = random(3, 'weakest');
    for (let run = 0; run < 200; run++) {
      const counts = Array.from({ length: 1 + generator.integer(4) }, () => generator.integer(7));
      const scores = counts.map((length) => Float64Array.from({ length }, () => generator.integer(4)));
      const minimum = generator.integer(3);
      const asked = generator.integer(20);
      const chosen = weakest(scores, none(counts.length), asked, minimum);
      const free = counts.reduce((sum, count) => sum + Math.max(0, count - minimum), 0);
      expect(chosen).toHaveLength(Math.min(asked, free));
      expect(new Set(chosen.map(({ block, group }) => `${block}:${group}`)).size).toBe(chosen.length);
      for (const [block, count] of counts.entries()) {
        const lost = chosen.filter((group) => group.block === block).length;
        expect(count - lost).toBeGreaterThanOrEqual(Math.min(count, minimum));
      }
    }
  });
});
