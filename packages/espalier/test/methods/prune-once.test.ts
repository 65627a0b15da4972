// Prune Once for All: its steps against PyTorch (scripts/regrowth_goldens.py), what it prunes and when, that pruned
// weights come back until the pattern is fixed and never after, and that lock holds what it leaves.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { zeroFraction } from '../../src/engine/pattern.js';
import { UsageError } from '../../src/errors.js';
import { maskHash } from '../../src/report/report.js';
import { methodNamed } from '../../src/methods/index.js';
import type { MethodHooks } from '../../src/methods/method.js';
import type { Model } from '../../src/models/model.js';
import { f32 } from '../../src/tensor/tensor.js';
import type { Trainer } from '../../src/train/trainer.js';
import { bitsOf, madeUpExamples, type MadeUpRun, randomModel, trainerOf } from '../support/training.js';

const WIDE = /(encoder\.layer.*(query|key|value|dense)|pooler\.dense)\.weight$/;

const oneBlock = (run: MadeUpRun): Trainer =>
  trainerOf({ model: randomModel({ num_hidden_layers: 1 }), ...run });

const namesOf = ({ stage }: Trainer): string[] =>
  stage.tensors.map(({ name }) => name).filter((name) => WIDE.test(name));

interface Golden {
  readonly optimiser: { readonly lr: number; readonly weight_decay: number; readonly clip: number };
  readonly returned: number;
  readonly start: readonly number[];
  readonly inputs: readonly number[];
  readonly targets: readonly number[];
  readonly norms: readonly number[];
  readonly rates: readonly number[];
  readonly masks: readonly string[];
  readonly after: Readonly<Record<string, { readonly dense: number[]; readonly weight: number[] }>>;
}

describe('twenty steps on a linear model', () => {
  const golden = JSON.parse(
    readFileSync(new URL('../fixtures/regrowth.json', import.meta.url), 'utf8'),
  ) as Golden;
  const MATRIX = 'bert.encoder.layer.0.attention.self.query.weight';

  /** The gradient of sum((W x - y)^2) / 32 at the weights the forward pass sees; everything else is frozen. */
  const linearModel: MethodHooks = {
    declare: (stage) => stage.freeze(stage.tensors.map(({ name }) => name).filter((name) => name !== MATRIX)),
    gradients({ store }) {
      const [weight, gradient] = [store.view(MATRIX, 'weight'), store.view(MATRIX, 'grad')];
      gradient.fill(0);
      let loss = 0;
      for (let row = 0; row < 8; row++) {
        for (let sample = 0; sample < 16; sample++) {
          let error = -golden.targets[row * 16 + sample]!;
          for (let i = 0; i < 8; i++) error += weight[row * 8 + i]! * golden.inputs[i * 16 + sample]!;
          loss += error ** 2 / 32;
          for (let i = 0; i < 8; i++)
            gradient[row * 8 + i]! += (error * golden.inputs[i * 16 + sample]!) / 16;
        }
      }
      return Promise.resolve({ loss });
    },
  };

  it('equal those of PyTorch: norms, rates, masks, originals and weights', async () => {
    const base = randomModel({ num_hidden_layers: 1 });
    const model: Model = {
      ...base,
      tensors: new Map([...base.tensors, [MATRIX, f32([8, 8], Float32Array.from(golden.start))]]),
    };
    const { lr, weight_decay: decay, clip } = golden.optimiser;
    const trainer = trainerOf({
      model,
      steps: 20,
      settings: { lr, decay, clip, warmup: 0.1 },
      methods: [
        methodNamed('prune-once').create({ sparsity: 0.6, interval: 0.1, names: 'query' }),
        linearModel,
      ],
    });
    const { store } = trainer.stage;
    while (trainer.done < 20) {
      const { step, gradNorm, rate } = await trainer.step();
      expect(gradNorm / golden.norms[step - 1]!, `norm of step ${step}`).toBeCloseTo(1, 5);
      expect(rate, `rate of step ${step}`).toBeCloseTo(golden.rates[step - 1]!, 12);
      expect(store.mask(MATRIX).join(''), `mask after step ${step}`).toBe(golden.masks[step - 1]);
      const after = golden.after[step];
      if (!after) continue;
      for (const slot of ['dense', 'weight'] as const) {
        for (const [i, value] of store.view(MATRIX, slot).entries()) {
          expect(Math.abs(value - after[slot][i]!), `${slot} ${i} after step ${step}`).toBeLessThan(1e-6);
        }
      }
    }
    await trainer.release();
    expect(golden.returned).toBeGreaterThan(0);
  });
});

describe('prune-once', () => {
  it.each([
    [{}, 20],
    [{ sparsity: 0.9, rewind: false }, 7],
    [{ sparsity: 0.5, initial: 0.3, start: 0.2, end: 0.6, until: 0.6, interval: 0.15 }, 13],
  ])(
    '%o reaches its target in every linear matrix but the head, within one weight',
    async (options, steps) => {
      const trainer = oneBlock({ steps, methods: [methodNamed('prune-once').create(options)] });
      const names = namesOf(trainer);
      expect(names).toHaveLength(7);
      while (trainer.done < steps) await trainer.step();
      const { sparsity } = await trainer.finishStage();
      const finished = trainer.snapshot();
      await trainer.release();
      const target = { sparsity: 0.85, ...options }.sparsity;
      for (const [name, { data, shape }] of finished.tensors) {
        const zeros = Math.floor(target * data.length) / data.length;
        if (names.includes(name)) expect(zeroFraction([data]), name).toBe(zeros);
        else if (shape.length === 2) expect(zeroFraction([data]), name).toBe(0);
      }
      expect(sparsity).toBe(zeroFraction(names.map((name) => finished.tensors.get(name)!.data)));
    },
  );

  it('lets pruned weights come back until the pattern is fixed, and trains on under it', async () => {
    const trainer = oneBlock({
      steps: 50,
      settings: { lr: 0.05 },
      examples: madeUpExamples(24),
      methods: [methodNamed('prune-once').create({ sparsity: 0.6, interval: 0.04 })],
    });
    const names = namesOf(trainer);
    const { store } = trainer.stage;
    const masks = names.map((name) => store.mask(name).slice());
    const drift = { before: '', after: '' };
    let returned = 0;
    let late = 0;
    while (trainer.done < 50) {
      await trainer.step();
      for (const [index, name] of names.entries()) {
        const [mask, previous] = [store.mask(name), masks[index]!];
        for (let i = 0; i < mask.length; i++) {
          if (trainer.done <= 40 && mask[i]! > previous[i]!) returned++;
          if (trainer.done > 40 && mask[i] !== previous[i]) late++;
        }
        previous.set(mask);
        const [weight, dense] = [store.view(name, 'weight'), store.view(name, 'dense')];
        expect(weight.every((w, i) => Object.is(w, mask[i] === 0 ? 0 : dense[i]))).toBe(true);
      }
      const bits = bitsOf(store.view(names[0]!, 'weight'));
      if (trainer.done === 40) drift.before = bits;
      if (trainer.done === 50) drift.after = bits;
    }
    await trainer.release();
    expect(returned).toBeGreaterThan(0);
    expect(late).toBe(0);
    expect(drift.after).not.toBe(drift.before);
  });

  it('aims at weights from the last update on', () => {
    const { onTarget } = methodNamed('prune-once').create({ until: 0.7 });
    expect([69, 70, 71].map((done) => onTarget?.(done, 100))).toEqual([false, true, true]);
  });

  it.each([[{ start: 0.6 }], [{ until: 0.4 }], [{ initial: 0.9 }], [{ interval: 0 }], [{ sparsity: 1 }]])(
    'refuses %o',
    (options) => {
      expect(() => methodNamed('prune-once').create(options)).toThrow(UsageError);
    },
  );

  it('does not share the learning rate', () => {
    const two = [methodNamed('prune-once').create({}), methodNamed('prune-once').create({})];
    expect(() => oneBlock({ methods: two })).toThrow(/two methods.*rewind false/);
    const one = [two[0]!, methodNamed('prune-once').create({ rewind: false })];
    expect(() => oneBlock({ methods: one })).not.toThrow();
  });
});

describe('lock after it', () => {
  it('holds every zero, the pooler included, over 1,000 steps', async () => {
    const examples = madeUpExamples(8, { longest: 4 });
    const pruning = oneBlock({
      examples,
      steps: 30,
      methods: [methodNamed('prune-once').create({ sparsity: 0.7 })],
    });
    while (pruning.done < 30) await pruning.step();
    const sparse = pruning.snapshot();
    await pruning.release();

    const trainer = trainerOf({
      model: sparse,
      examples,
      steps: 1000,
      settings: { decay: 0.1, clip: 0.5, schedule: 'constant', warmup: 0 },
      methods: [methodNamed('lock').create({})],
    });
    const zeros = namesOf(trainer).map((name) =>
      sparse.tensors.get(name)!.data.map((w) => (w === 0 ? 0 : 1)),
    );
    while (trainer.done < 1000) {
      await trainer.step();
      if (trainer.done % 100 !== 0) continue;
      for (const [index, name] of namesOf(trainer).entries()) {
        const found = trainer.weight(name).map((w) => (w === 0 ? 0 : 1));
        expect(found, `${name} after step ${trainer.done}`).toEqual(zeros[index]);
      }
    }
    await trainer.finishStage();
    const trained = trainer.snapshot();
    await trainer.release();
    expect(maskHash(trained)).toBe(maskHash(sparse));
    const pooler = 'bert.pooler.dense.weight';
    expect(bitsOf(trained.tensors.get(pooler)!.data)).not.toBe(bitsOf(sparse.tensors.get(pooler)!.data));
  });
});
