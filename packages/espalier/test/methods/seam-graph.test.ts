// Two toy methods that change the graph, written with the public hooks alone, each against an independent
// computation: an observer with fake quantisation, and mask logits over frozen weights.
import { describe, expect, it } from 'vitest';
import type { Node } from '../../src/graph/node.js';
import {
  abs,
  add,
  div,
  greater,
  mul,
  reduceMax,
  reshape,
  round,
  scale,
  sigmoid,
  straightThrough,
  toFloat,
} from '../../src/graph/ops/index.js';
import { constant, scalar } from '../../src/graph/program.js';
import type { MethodHooks, StageContext } from '../../src/methods/method.js';
import type { Trainer } from '../../src/train/trainer.js';
import { bitsOf, firstStep, modelBits, trainerOf } from '../support/training.js';
import {
  type Activation,
  bucket,
  lossGraph,
  lossOf,
  model,
  oneBatch,
  settings,
  slope,
  valuesOf,
} from './twin.js';

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
