// Quantisation-aware training: the trained model computes what training computed, its observers are those of the
// definition, its zeros stay, and a late start changes nothing before it.
import { describe, expect, it } from 'vitest';
import type { Node } from '../../src/graph/node.js';
import { add } from '../../src/graph/ops/index.js';
import { roundHalfEven } from '../../src/graph/ops/round-half-even.js';
import { constant } from '../../src/graph/program.js';
import { methodNamed } from '../../src/methods/index.js';
import type { MethodHooks } from '../../src/methods/method.js';
import { affineRange, biasSteps, largestMagnitudes, symmetricScale, toInt8 } from '../../src/models/int8.js';
import type { Model } from '../../src/models/model.js';
import type { AffineRange, Quantisation } from '../../src/models/quantisation.js';
import type { ForwardSource } from '../../src/train/forward.js';
import { createPredictor } from '../../src/train/predictor.js';
import type { Trainer } from '../../src/train/trainer.js';
import { firstStep, madeUpExamples, modelBits, randomModel, trainerOf } from '../support/training.js';
import { type Activation, lossGraph, lossOf, model as small, oneBatch, slope, valuesOf } from './twin.js';

const quantise = (options: object = {}): MethodHooks => methodNamed('quantise').create(options);
const QUERY = 'bert.encoder.layer.0.attention.self.query';
const KEY = 'bert.encoder.layer.0.attention.self.key';
const WIDE = 'bert.encoder.layer.0.intermediate.dense';
const POOLER = 'bert.pooler.dense';
const WORDS = 'bert.embeddings.word_embeddings.weight';

const stepsOf = async (trainer: Trainer, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await trainer.step();
};

async function logitsOf(model: Model, source?: ForwardSource): Promise<number[]> {
  const predictor = createPredictor({
    model,
    ...(source && { source }),
    threads: 1,
    device: 'cpu',
    padId: 0,
  });
  const rows = await predictor.logits(madeUpExamples(7, { seed: 5 }));
  await predictor.release();
  return rows.flatMap((row) => [...row]);
}

const difference = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

/** Trains and bakes. The trainer is left open. */
async function trained(
  options: object,
  run: Parameters<typeof trainerOf>[0] = {},
): Promise<{ readonly trainer: Trainer; readonly model: Model; readonly quantisation: Quantisation }> {
  const method = quantise(options);
  const trainer = trainerOf({ ...run, methods: [...(run.methods ?? []), method] });
  await stepsOf(trainer, 4);
  await trainer.finishStage();
  const model = await method.finish!(trainer.snapshot(), trainer.stage);
  return { trainer, model, quantisation: model.quantisation! };
}

/** Training has float32 biases; the model it leaves has them in the steps of its int32 sums. */
function withIntegerBiases(source: ForwardSource, { tensors, quantisation }: Model): ForwardSource {
  const biases = Object.entries(quantisation!.layers).map(([name, { weightScales, input }]) => {
    const steps = biasSteps(weightScales, input);
    const rounded = tensors.get(`${name}.bias`)!.data.map((value, i) => {
      const step = steps[i % steps.length]!;
      return roundHalfEven(Math.fround(value / step)) * step;
    });
    return [`weight:${name}.bias`, rounded] as const;
  });
  const known = new Map<string, Float32Array>(biases);
  return { ...source, feed: (name) => known.get(name) ?? source.feed(name) };
}

describe('what the model becomes', () => {
  it.each<[string, object, Parameters<typeof trainerOf>[0]?]>([
    ['per tensor', { weights: 'per-tensor' }],
    ['per channel', { weights: 'per-channel' }],
    ['with embeddings', { weights: 'per-channel', embeddings: true }],
    ['with two micro-batches', {}, { settings: { microBatchSize: 2 } }],
    ['after a late start', { start: 0.2 }],
  ])('computes what training computed, %s', async (_, options, run = {}) => {
    const { trainer, model } = await trained(options, run);
    const expected = await logitsOf(model, withIntegerBiases(trainer.forward, model));
    const { quantisation, ...master } = model;
    expect(quantisation).toBeDefined();
    expect(difference(await logitsOf(model), expected)).toBeLessThan(1e-5);
    expect(difference(await logitsOf(master), expected)).toBeGreaterThan(1e-3);
    expect(modelBits(model)).toEqual(modelBits(trainer.snapshot()));
    await trainer.release();
  });

  it('has the linear layers of encoder and pooler; value and output layers, head and embeddings stay float', async () => {
    const { trainer, quantisation } = await trained({});
    await trainer.release();
    const block = (i: number): [string, boolean][] => [
      [`bert.encoder.layer.${i}.attention.self.query`, true],
      [`bert.encoder.layer.${i}.attention.self.key`, true],
      [`bert.encoder.layer.${i}.attention.self.value`, false],
      [`bert.encoder.layer.${i}.attention.output.dense`, false],
      [`bert.encoder.layer.${i}.intermediate.dense`, true],
      [`bert.encoder.layer.${i}.output.dense`, false],
    ];
    const found = Object.entries(quantisation.layers).map(([name, { output }]) => [
      name,
      output !== undefined,
    ]);
    expect(found.sort()).toEqual([...block(0), ...block(1), [POOLER, true]].sort());
    expect(quantisation.tables).toEqual({});
    for (const { weightScales } of Object.values(quantisation.layers)) expect(weightScales).toHaveLength(1);
  });

  it('has a scale for each unit and each row where asked for', async () => {
    const options = { weights: 'per-channel', embeddings: true, names: 'layer.0.*query', float: '^$' };
    const { trainer, model, quantisation } = await trained(options);
    await trainer.release();
    expect(Object.keys(quantisation.layers)).toEqual([QUERY]);
    expect(quantisation.layers[QUERY]!.weightScales).toHaveLength(8);
    expect(quantisation.layers[QUERY]!.output).toBeDefined();
    expect(Object.keys(quantisation.tables)).toHaveLength(3);
    const { data, shape } = model.tensors.get(WORDS)!;
    const { scales } = quantisation.tables[WORDS]!;
    expect(scales).toEqual(largestMagnitudes(data, shape[0]!).map(symmetricScale));
  });

  it('refuses a pattern without layers', () => {
    expect(() => trainerOf({ methods: [quantise({ names: 'decoder' })] })).toThrow(
      /no linear layer.*decoder/,
    );
  });
});

describe('observers', () => {
  const rest = { ...oneBatch, settings: { ...oneBatch.settings, lr: 1e-30 } };

  it('take the first batch whole, and the weights as they are', async () => {
    const { trainer, quantisation } = await trained({}, rest);
    await trainer.release();
    // Nothing is rounded before these. The weights rest, so every batch has the range of the first.
    for (const layer of [QUERY, KEY]) {
      const expected = rangeOf(siteValues(`${layer}.input`));
      const { input } = quantisation.layers[layer]!;
      expect(input.scale / expected.scale).toBeCloseTo(1, 5);
      expect(input.zeroPoint).toBe(expected.zeroPoint);
    }
    const { data } = small.tensors.get(`${WIDE}.weight`)!;
    expect(quantisation.layers[WIDE]!.weightScales).toEqual(largestMagnitudes(data, 1).map(symmetricScale));
  });

  it('move their average by a hundredth of the difference', async () => {
    const observed = async (averaging: number): Promise<number[][]> => {
      const trainer = trainerOf({ methods: [quantise({ averaging })], settings: { lr: 1e-30 } });
      const ranges: number[][] = [];
      for (let step = 0; step < 3; step++) {
        await trainer.step();
        ranges.push([...trainer.stage.carry(`quantise:${QUERY}.input`)]);
      }
      await trainer.release();
      return ranges;
    };
    // With 1 the range is the present batch's; the embeddings before this site do not depend on any range.
    const [present, averaged] = [await observed(1), await observed(0.01)];
    expect(present[1]).not.toEqual(present[0]);
    let expected = present[0]!;
    expect(averaged[0]).toEqual(expected);
    for (const step of [1, 2]) {
      expected = expected.map((before, i) => before + 0.01 * (present[step]![i]! - before));
      for (const i of [0, 1]) expect(averaged[step]![i]).toBeCloseTo(expected[i]!, 6);
    }
  });

  it('never narrow the range of a matrix that shrinks', async () => {
    const shrink: MethodHooks = { update: (_step, _tensor, plan) => ({ ...plan, decay: 5, rate: 0.05 }) };
    const { trainer, model, quantisation } = await trained({}, { methods: [shrink] });
    await trainer.release();
    const name = `${WIDE}.weight`;
    const scale = (from: Model): number =>
      symmetricScale(largestMagnitudes(from.tensors.get(name)!.data, 1)[0]!);
    expect(scale(model)).toBeLessThan(0.8 * scale(randomModel()));
    expect(quantisation.layers[WIDE]!.weightScales[0]).toBe(scale(randomModel()));
  });
});

describe('gradients', () => {
  it('go straight through: those of a model that is off by its rounding errors', async () => {
    const site = `${WIDE}.input`;
    const x = siteValues(site);
    const { scale, zeroPoint } = rangeOf(x);
    const errors = Float32Array.from(x, (value) => {
      const quantised = roundHalfEven(value / scale) + zeroPoint;
      return (Math.max(0, Math.min(255, quantised)) - zeroPoint) * scale - value;
    });
    const shifted: Activation = (node, at) => (at === site ? add(node, constant(errors, node.shape)) : node);
    const name = `${WIDE}.weight`;
    const { data } = small.tensors.get(name)!;
    const unit = symmetricScale(largestMagnitudes(data, 1)[0]!);
    const rounded = Float64Array.from(toInt8(data, [unit]), (value) => value * unit);
    const lossAt = (changed: string, values: ArrayLike<number>): number =>
      lossOf(new Map<string, ArrayLike<number>>([[name, rounded]]).set(changed, values), small, shifted);

    const options = { names: 'layer.0.intermediate.dense', float: '' };
    const { loss, gradients } = await firstStep({ ...oneBatch, methods: [quantise(options)] });
    expect(loss).toBeCloseTo(lossAt(name, rounded), 5);
    expect(Math.abs(loss - lossOf(new Map()))).toBeGreaterThan(1e-5);
    const before = 'bert.encoder.layer.0.attention.self.value.weight';
    for (const [changed, values] of [
      [name, rounded],
      [before, small.tensors.get(before)!.data],
    ] as const) {
      for (const i of [0, 17, 40, 63]) {
        const expected = slope(values, i, (moved) => lossAt(changed, moved));
        expect(gradients.get(changed)![i], `${changed}[${i}]`).toBeCloseTo(expected, 5);
      }
    }
  });
});

/** What the model of the twin, not quantised, has at a site. */
function siteValues(site: string): Float64Array {
  const seen: Node[] = [];
  lossGraph(small, (node, at) => {
    if (at === site) seen.push(node);
    return node;
  });
  return valuesOf(seen, small)[0]!;
}

const rangeOf = (values: Float64Array): AffineRange => affineRange(Math.min(...values), Math.max(...values));

describe('with the lock', () => {
  it('a zero of the master weights stays one over 200 steps, in int8 too', async () => {
    const model = randomModel({ num_hidden_layers: 1 });
    const { data } = model.tensors.get(`${WIDE}.weight`)!;
    for (let i = 0; i < data.length; i += 2) data[i] = 0;
    const method = quantise();
    const settings = { decay: 0.1, schedule: 'constant', warmup: 0 };
    const trainer = trainerOf({
      model,
      settings,
      steps: 200,
      methods: [methodNamed('lock').create({}), method],
    });
    await stepsOf(trainer, 200);
    await trainer.finishStage();
    const finished = await method.finish!(trainer.snapshot(), trainer.stage);
    await trainer.release();
    const after = finished.tensors.get(`${WIDE}.weight`)!.data;
    const int8 = toInt8(after, finished.quantisation!.layers[WIDE]!.weightScales);
    for (const [i, w] of after.entries()) {
      expect(w === 0).toBe(i % 2 === 0);
      if (w === 0) expect(int8[i]).toBe(0);
    }
    expect(after).not.toEqual(data);
  });
});

describe('a late start', () => {
  it('trains and evaluates in float32 before it, and is seen in the loss after it', async () => {
    const method = quantise({ start: 0.5 });
    const [late, plain] = [trainerOf({ methods: [method], steps: 6 }), trainerOf({ steps: 6 })];
    for (let step = 0; step < 3; step++) {
      expect((await late.step()).loss).toBe((await plain.step()).loss);
      expect(method.onTarget!(late.done, 6)).toBe(false);
    }
    expect(modelBits(late.snapshot())).toEqual(modelBits(plain.snapshot()));
    expect(await logitsOf(late.snapshot(), late.forward)).toEqual(
      await logitsOf(plain.snapshot(), plain.forward),
    );
    expect((await late.step()).loss).not.toBe((await plain.step()).loss);
    expect(method.onTarget!(late.done, 6)).toBe(true);
    expect([...late.stage.carry('quantise:seen')]).toEqual([1]);
    await late.release();
    await plain.release();
  });

  it('comes before the last step, however short the stage', async () => {
    const method = quantise({ start: 0.9 });
    const trainer = trainerOf({ methods: [method], steps: 1 });
    await trainer.step();
    const { quantisation } = await method.finish!(trainer.snapshot(), trainer.stage);
    await trainer.release();
    expect(quantisation!.layers[QUERY]!.input.scale).toBeGreaterThan(1e-3);
  });
});

it('training without it drops the scales of the model that came in', async () => {
  const { trainer, model } = await trained({});
  await trainer.release();
  const next = trainerOf({ model });
  await next.step();
  expect(next.snapshot().quantisation).toBeUndefined();
  await next.release();
});
