// Four toy methods written with the public hooks alone, each against an independent computation: an observer with
// fake quantisation, mask logits over frozen weights, a gradient in two passes, and a clip per example.
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../src/data/batches.js';
import { evaluate } from '../../src/graph/evaluate.js';
import {
  abs,
  add,
  div,
  greater,
  logSoftmax,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  round,
  scale,
  sigmoid,
  straightThrough,
  toFloat,
} from '../../src/graph/ops/index.js';
import type { Node } from '../../src/graph/node.js';
import { constant, scalar } from '../../src/graph/program.js';
import type { MethodHooks, StageContext } from '../../src/methods/method.js';
import { createBuilder } from '../../src/models/builder.js';
import type { Model } from '../../src/models/model.js';
import { plainWeights } from '../../src/train/predictor.js';
import { encoderFeeds, taskLogits } from '../../src/train/task-objective.js';
import type { Trainer } from '../../src/train/trainer.js';
import {
  bitsOf,
  firstStep,
  madeUpExamples,
  modelBits,
  randomModel,
  relativeError,
  trainerOf,
} from '../support/training.js';

const model = randomModel({ num_hidden_layers: 1 });
const examples = madeUpExamples(4, { longest: 7 });
const settings = { clip: 0, decay: 0, warmup: 0, schedule: 'constant', maxLength: 7 };
const bucket = { rows: examples.length, length: 7 };
const oneBatch = { model, examples, settings };

type Activation = (node: Node, site: string) => Node;

/** The graph of the mean cross-entropy over the examples, by the family's functions alone. */
function lossGraph(of: Model, activation: Activation): Node {
  const builder = createBuilder(bucket, { ...plainWeights(of), activation });
  const targets = constant(
    examples.flatMap(({ label }) => (label === 1 ? [0, 1] : [1, 0])),
    [examples.length, 2],
  );
  const likelihood = reduceSum(mul(logSoftmax(taskLogits(builder, of)), targets));
  return scale(likelihood, -1 / examples.length);
}

/** Values of nodes in f64 on the examples, with some tensors replaced. */
const valuesOf = (nodes: readonly Node[], of: Model, replaced: Replaced = new Map()): Float64Array[] => {
  const feeds = new Map<string, ArrayLike<number>>([
    ...encoderFeeds(makeBatch(examples, bucket.rows, bucket.length, { padId: 0 })),
    ...[...of.tensors].map(([name, { data }]) => [`weight:${name}`, replaced.get(name) ?? data] as const),
  ]);
  return evaluate(nodes, feeds).map(({ data }) => data);
};

type Replaced = ReadonlyMap<string, ArrayLike<number>>;

const lossOf = (replaced: Replaced, of = model, activation: Activation = (node) => node): number =>
  valuesOf([lossGraph(of, activation)], of, replaced)[0]![0]!;

/** d loss / d values[i] by central differences in f64. */
function slope(values: ArrayLike<number>, i: number, lossAt: (values: Float64Array) => number): number {
  const step = 1e-5;
  const at = (offset: number): number => {
    const moved = Float64Array.from(values);
    moved[i]! += offset;
    return lossAt(moved);
  };
  return (at(step) - at(-step)) / (2 * step);
}

const stepsOf = async (trainer: Trainer, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await trainer.step();
};

describe('an observer with fake quantisation', () => {
  const SITE = 'bert.encoder.layer.0.intermediate.dense.input';
  const WEIGHT = 'bert.encoder.layer.0.intermediate.dense.weight';
  const BEFORE = 'bert.encoder.layer.0.attention.self.value.weight';
  const MOMENTUM = 0.75;

  /** 8-bit fake quantisation of one activation, by a moving average of its largest magnitude. */
  const observer: MethodHooks = {
    build: (graph) => ({
      activation(node, site) {
        if (site !== SITE) return node;
        const { node: range, next } = graph.carry('observer', [1], () => Float32Array.of(2));
        const largest = reshape(reduceMax(abs(node)), [1]);
        next(add(scale(range, MOMENTUM), scale(largest, 1 - MOMENTUM)));
        const width = scale(range, 1 / 127);
        return straightThrough(mul(round(div(node, width)), width), node);
      },
    }),
  };

  it('moves its average by what it sees, and only by that', async () => {
    const frozen = { ...settings, lr: 1e-30 };
    const trainer = trainerOf({ ...oneBatch, settings: frozen, methods: [observer] });
    const seen: number[] = [];
    for (let step = 0; step < 4; step++) {
      await trainer.step();
      seen.push(trainer.state().carries.get('observer')![0]!);
    }
    await trainer.release();
    // The weights rest, so the largest magnitude L is the same at every step: r <- 3/4 r + 1/4 L from r = 2.
    const largest = (seen[0]! - MOMENTUM * 2) / (1 - MOMENTUM);
    expect(largest).toBeGreaterThan(0);
    for (const [step, value] of seen.entries()) {
      expect(value).toBeCloseTo(largest + (2 - largest) * MOMENTUM ** (step + 1), 5);
    }
    expect(largest).toBeCloseTo(Math.max(...siteValues().map(Math.abs)), 4);
  });

  it('lets the gradient straight through the rounding', async () => {
    // x -> q(x) with the gradient of x is x plus a constant, the rounding error of this batch.
    const x = siteValues();
    const width = 2 / 127;
    const error = constant(
      Float32Array.from(x, (value) => Math.round(value / width) * width - value),
      [bucket.rows, x.length / bucket.rows], // the last block computes first tokens alone
    );
    const shifted: Activation = (node, site) => (site === SITE ? add(node, error) : node);

    const { gradients, loss } = await firstStep({ ...oneBatch, methods: [observer] });
    expect(loss).toBeCloseTo(lossOf(new Map(), model, shifted), 5);
    expect(Math.abs(loss - lossOf(new Map()))).toBeGreaterThan(1e-5);
    for (const name of [BEFORE, WEIGHT]) {
      const { data } = model.tensors.get(name)!;
      for (const i of [0, 17, 40, 63]) {
        const expected = slope(data, i, (values) => lossOf(new Map([[name, values]]), model, shifted));
        expect(gradients.get(name)![i], `${name}[${i}]`).toBeCloseTo(expected, 5);
      }
    }
  });

  it('is checkpointed: a restored trainer goes on as the first one does', async () => {
    const first = trainerOf({ ...oneBatch, methods: [observer] });
    await stepsOf(first, 2);
    const saved = structuredClone(first.state());
    await stepsOf(first, 2);
    const second = trainerOf({ ...oneBatch, methods: [observer] });
    second.restore(saved);
    await stepsOf(second, 2);
    expect(second.state().carries.get('observer')).toEqual(first.state().carries.get('observer'));
    expect(modelBits(second.snapshot())).toEqual(modelBits(first.snapshot()));
    await first.release();
    await second.release();
  });

  /** What the model without quantisation has at the site, by its f64 twin. */
  function siteValues(): Float64Array {
    const seen: Node[] = [];
    lossGraph(model, (node, site) => {
      if (site === SITE) seen.push(node);
      return node;
    });
    return valuesOf(seen, model)[0]!;
  }
});

describe('mask logits over frozen weights', () => {
  const MATRIX = 'bert.encoder.layer.0.output.dense.weight';
  const TABLE = 'bert.embeddings.word_embeddings.weight';
  const RATE = 2;

  /** Trains sigmoid gates of one tensor by gradient descent; every tensor of the model rests. */
  function gates(
    target: string,
    hard = false,
  ): MethodHooks & { logitsOf(stage: StageContext): Float32Array } {
    const name = `gates:${target}`;
    const { shape } = model.tensors.get(target)!;
    return {
      declare(stage) {
        stage.freeze(stage.tensors.map((tensor) => tensor.name));
        stage.parameter(
          name,
          shape,
          () => Float32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => 3 * Math.sin(i)),
          'gates',
        );
      },
      build: (graph) => ({
        weight(node, weight, restrict) {
          if (weight !== target) return node;
          const open = sigmoid(restrict(graph.parameter(name)));
          return mul(node, hard ? straightThrough(toFloat(greater(open, scalar(0.5))), open) : open);
        },
      }),
      update: (_step, { group }, plan) =>
        group === 'gates' ? { ...plan, rule: 'sgd', rate: RATE, decay: 0 } : plan,
      finish(finished, stage) {
        const logits = stage.store.view(name, 'weight');
        const tensor = finished.tensors.get(target)!;
        const data = tensor.data.map((w, i) => (logits[i]! > 0 ? w : 0));
        return { ...finished, tensors: new Map(finished.tensors).set(target, { ...tensor, data }) };
      },
      logitsOf: ({ store }) => store.view(name, 'weight'),
    };
  }
  const gated = (target: string, logits: ArrayLike<number>): Map<string, Float64Array> => {
    const { data } = model.tensors.get(target)!;
    return new Map([[target, Float64Array.from(data, (w, i) => w / (1 + Math.exp(-logits[i]!)))]]);
  };

  it.each([
    ['a matrix', MATRIX],
    ['an embedding table, by its rows', TABLE],
  ])('train by gradient descent over %s that rests to the bit', async (_title, target) => {
    const method = gates(target);
    const trainer = trainerOf({ ...oneBatch, methods: [method] });
    const start = method.logitsOf(trainer.stage).slice();
    const { loss } = await trainer.step();
    expect(loss).toBeCloseTo(lossOf(gated(target, start)), 5);
    const after = method.logitsOf(trainer.stage).slice();
    for (const i of [0, 9, 10, 11, 12, 13, 14, 15, 95]) {
      const expected = start[i]! - RATE * slope(start, i, (logits) => lossOf(gated(target, logits)));
      expect(after[i], `logit ${i}`).toBeCloseTo(expected, 5);
    }
    expect(bitsOf(after)).not.toBe(bitsOf(start));
    await stepsOf(trainer, 4);
    expect(modelBits(trainer.snapshot())).toEqual(modelBits(model));
    expect(trainer.stage.store.has(target, 'grad')).toBe(false);
    await trainer.release();
  });

  it('may be hard: the loss is that of the baked model', async () => {
    const method = gates(MATRIX, true);
    const trainer = trainerOf({ ...oneBatch, methods: [method] });
    await stepsOf(trainer, 2);
    const baked = await method.finish!(trainer.snapshot(), trainer.stage);
    const { loss } = await trainer.step(); // taken before its update
    await trainer.release();
    expect([...baked.tensors.get(MATRIX)!.data].filter((w) => w === 0).length).toBeGreaterThan(10);
    expect(loss).toBeCloseTo(lossOf(new Map(), baked), 5);
  });
});

describe('a gradient in two passes', () => {
  const RADIUS = 0.05;

  /** Sharpness-aware: the gradient at w + radius g / |g|, applied at w. */
  const sharpnessAware: MethodHooks = {
    async gradients({ store, tensors }, batch, pass) {
      const first = await pass(batch);
      const names = tensors.map(({ name }) => name);
      const kept = new Map(names.map((name) => [name, store.view(name, 'weight').slice()]));
      const factor = RADIUS / store.norm(names);
      for (const name of names)
        store.accumulate(store.view(name, 'weight'), store.view(name, 'grad'), factor);
      await pass(batch);
      for (const [name, weights] of kept) store.view(name, 'weight').set(weights);
      return first;
    },
  };

  it('is the gradient at the perturbed point, and leaves the weights where they were', async () => {
    const plain = await firstStep(oneBatch);
    const perturbed = new Map(
      [...model.tensors].map(([name, tensor]) => {
        const gradient = plain.gradients.get(name)!;
        const data = tensor.data.map((w, i) => w + (RADIUS / plain.norm) * gradient[i]!);
        return [name, { ...tensor, data }] as const;
      }),
    );
    const expected = await firstStep({ ...oneBatch, model: { ...model, tensors: perturbed } });
    const found = await firstStep({ ...oneBatch, methods: [sharpnessAware] });
    expect(relativeError(found.gradients, expected.gradients)).toBeLessThan(1e-5);
    expect(relativeError(found.gradients, plain.gradients)).toBeGreaterThan(1e-3);
    expect(found.loss).toBe(plain.loss);

    const resting = trainerOf({
      ...oneBatch,
      methods: [sharpnessAware, { update: (_step, _tensor, plan) => ({ ...plan, rate: 0 }) }],
    });
    await resting.step();
    expect(modelBits(resting.snapshot())).toEqual(modelBits(model));
    await resting.release();
  });
});

describe('a clip per example', () => {
  const LIMIT = 0.4;

  /** As in differentially private training: every example's gradient has a norm of at most LIMIT before the sum. */
  const perExample: MethodHooks = {
    async gradients({ store, tensors }, batch, pass) {
      const names = tensors.map(({ name }) => name);
      const sum = new Map(names.map((name) => [name, new Float32Array(store.view(name, 'grad').length)]));
      let loss = 0;
      for (const example of batch.split()) {
        loss += (await pass(example)).loss;
        const factor = Math.min(1, LIMIT / store.norm(names));
        for (const [name, total] of sum) {
          const gradient = store.view(name, 'grad');
          for (let i = 0; i < total.length; i++) total[i]! += factor * gradient[i]!;
        }
      }
      for (const [name, total] of sum) store.view(name, 'grad').set(total);
      return { loss };
    },
  };

  it('is the sum of the clipped gradients of runs with one example each', async () => {
    const expected = new Map<string, Float32Array>();
    let clipped = 0;
    for (const example of examples) {
      const alone = await firstStep({ model, examples: [example], settings: { ...settings, batchSize: 1 } });
      const norm = alone.norm / examples.length; // a run of its own does not divide by the batch
      const factor = Math.min(1, LIMIT / norm) / examples.length;
      if (norm > LIMIT) clipped++;
      for (const [name, gradient] of alone.gradients) {
        const total = expected.get(name) ?? new Float32Array(gradient.length);
        for (let i = 0; i < total.length; i++) total[i]! += factor * gradient[i]!;
        expected.set(name, total);
      }
    }
    expect(clipped).toBeGreaterThan(0);
    expect(clipped).toBeLessThan(examples.length);
    // The batch has padded rows: they are no examples.
    const padded = { ...settings, batchSize: 6 };
    const found = await firstStep({ model, examples, settings: padded, methods: [perExample] });
    expect(relativeError(found.gradients, expected)).toBeLessThan(1e-6);
    expect(found.loss).toBeCloseTo(lossOf(new Map()), 5);
  });

  it('without a limit is the gradient of the batch', async () => {
    const sum: MethodHooks = {
      async gradients({ store, tensors }, batch, pass) {
        const total = new Map<string, Float32Array>();
        let loss = 0;
        for (const example of batch.split()) {
          loss += (await pass(example)).loss;
          for (const { name } of tensors) {
            const gradient = store.view(name, 'grad');
            total.set(
              name,
              gradient.map((g, i) => g + (total.get(name)?.[i] ?? 0)),
            );
          }
        }
        for (const [name, gradient] of total) store.view(name, 'grad').set(gradient);
        return { loss };
      },
    };
    const [plain, found] = [await firstStep(oneBatch), await firstStep({ ...oneBatch, methods: [sum] })];
    expect(relativeError(found.gradients, plain.gradients)).toBeLessThan(1e-6);
    expect(found.loss).toBeCloseTo(plain.loss, 6);
  });
});
