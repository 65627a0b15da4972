// Adapting by Pruning in training: the golden step of the specification, gradients by finite differences, resting
// weights, the target and the push that reaches it, recovery, and that the hard mask is what was trained.
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/graph/differentiate.js';
import { evaluate } from '../../src/graph/evaluate.js';
import { scale } from '../../src/graph/ops/index.js';
import { input } from '../../src/graph/program.js';
import { planStore } from '../../src/engine/plan.js';
import { createStore } from '../../src/engine/store.js';
import { UsageError } from '../../src/errors.js';
import { adapt, thetaOf } from '../../src/methods/adapt.js';
import { relaxedMask, settle, shiftFor, survivors } from '../../src/methods/mask-logits.js';
import { methodNamed } from '../../src/methods/index.js';
import type { MethodHooks } from '../../src/methods/method.js';
import { bodyNames } from '../../src/models/adapter.js';
import type { Model } from '../../src/models/model.js';
import { random } from '../../src/random.js';
import type { Trainer } from '../../src/train/trainer.js';
import {
  bitsOf,
  madeUpExamples,
  type MadeUpRun,
  modelBits,
  quietContext,
  randomModel,
  recorder,
  trainerOf,
} from '../support/training.js';
import { examples as fewExamples, lossOf, oneBatch, slope } from './twin.js';

const QUERY = 'bert.encoder.layer.0.attention.self.query.weight';
const TABLE = 'bert.embeddings.word_embeddings.weight';

interface Adapting {
  readonly trainer: Trainer;
  readonly method: MethodHooks;
  readonly notes: string[];
  /** The model after `prepare`. */
  readonly start: Model;
  /** Runs to the end; returns what was reported last and the baked model. */
  finish(): Promise<{ reported: Readonly<Record<string, number>>; baked: Model }>;
}

/** A trainer that adapts a model of one block; every step has the same four examples unless the run says so. */
async function adapting(
  options: object,
  { model = oneBatch.model, ...run }: MadeUpRun = {},
): Promise<Adapting> {
  const method = methodNamed('adapt').create(options);
  const start = await method.prepare!(model, quietContext);
  const notes: string[] = [];
  const settings = { ...oneBatch.settings, ...run.settings };
  const methods = [method, ...(run.methods ?? [])];
  const examples = run.examples ?? fewExamples;
  const note = (text: string): void => {
    if (!text.startsWith('memory')) notes.push(text);
  };
  const trainer = trainerOf({ ...run, model: start, examples, settings, methods, note });
  return {
    trainer,
    method,
    notes,
    start,
    async finish() {
      let reported: Readonly<Record<string, number>> = {};
      while (trainer.done < trainer.stage.steps)
        reported = { ...reported, ...(await trainer.step()).reported };
      reported = { ...reported, ...(await trainer.finishStage()) };
      const baked = await method.finish!(trainer.snapshot(), trainer.stage);
      await trainer.release();
      return { reported, baked };
    },
  };
}

const thetaIn = ({ stage }: Trainer, name: string): Float32Array => stage.store.view(thetaOf(name), 'weight');
const allThetas = ({ stage }: Trainer): Float32Array[] =>
  stage.tensors.filter(({ group }) => group === 'theta').map(({ name }) => stage.store.view(name, 'weight'));
const prunedShare = (thetas: readonly Float32Array[]): number => {
  const values = thetas.flatMap((theta) => [...theta]);
  return values.filter((value) => !(value > 0)).length / values.length;
};

describe('one step', () => {
  it('is the golden one: theta 0.01, gradient of the mask 0.3', () => {
    const theta = input('theta', []);
    const loss = scale(relaxedMask(theta, { tForward: 1e5, tBackward: 1 }), 0.3);
    const gradient = differentiate(loss, [theta]).get(theta)!.dense!;
    const [found] = evaluate([gradient], new Map([['theta', [0.01]]]));
    expect(found!.data[0]! / Math.fround(0.3)).toBeCloseTo(0.2499937501, 10);

    const store = createStore(planStore([{ name: 't', shape: [1], slots: ['weight', 'grad'] }]));
    store.view('t', 'weight')[0] = 0.01;
    store.view('t', 'grad')[0] = found!.data[0]!;
    store.sgd('t', { lr: 2e-5, shift: 2e-7 });
    expect(Math.abs(store.view('t', 'weight')[0]! - 0.0099983000375)).toBeLessThan(1e-9);
  });

  it.each([QUERY, TABLE])(
    'moves the logits of %s by weight times gradient, at the hard mask',
    async (name) => {
      const { method, gradients } = recorder();
      const options = { head: 'stock', alpha: 0.5, gamma: 1e-3, deviation: 0.02, tBackward: 2, names: name };
      const { trainer, start } = await adapting(options, { methods: [method] });
      const before = thetaIn(trainer, name).slice();
      expect(before.some((theta) => theta < 0)).toBe(true);
      await trainer.step();
      await trainer.release();
      const weights = start.tensors.get(name)!.data;
      // In f64, over a mask that is free: d loss / d mask_i = w_i * d loss / d (effective weight i).
      const lossAt = (mask: ArrayLike<number>): number =>
        lossOf(new Map([[name, weights.map((w, i) => w * mask[i]!)]]), start);
      const hard = before.map((theta) => 1 / (1 + Math.exp(-1e5 * theta)));
      const after = thetaIn(trainer, name);
      for (const i of [0, 1, 9, 10, 11, 17, 18, 33, 50, 63]) {
        const soft = 1 / (1 + Math.exp(-2 * before[i]!));
        const expected = slope(hard, i, lossAt) * 2 * soft * (1 - soft);
        expect(gradients.get(thetaOf(name))![i], `gradient ${i}`).toBeCloseTo(expected, 5);
        expect(after[i], `theta ${i}`).toBeCloseTo(before[i]! - 0.5 * expected - 1e-3, 5);
      }
    },
  );
});

describe('the base', () => {
  it.each(['mix', 'stock'])('rests to the bit while masks and the %s head learn', async (head) => {
    const { trainer, start, finish } = await adapting({ head, sparsity: 0.6 }, { model: randomModel() });
    const body = new Set(bodyNames(start.config));
    const bits = modelBits(start);
    const { baked } = await finish();
    const after = modelBits(trainer.snapshot());
    const heads = Object.keys(bits).filter((name) => !body.has(name));
    for (const name of Object.keys(bits)) expect(after[name] === bits[name], name).toBe(body.has(name));
    expect(heads).toEqual(
      head === 'mix'
        ? expect.arrayContaining(['layer_mix.scores', 'layer_mix.dense.weight', 'layer_mix.output.bias'])
        : expect.arrayContaining(['bert.pooler.dense.weight', 'classifier.bias']),
    );
    expect(trainer.stage.store.has(QUERY, 'grad')).toBe(false);
    for (const name of body) {
      const [before, masked] = [start.tensors.get(name)!.data, baked.tensors.get(name)!.data];
      expect(
        before.every((w, i) => Object.is(masked[i], w) || Object.is(masked[i], 0)),
        name,
      ).toBe(true);
    }
  });

  it('has one mask for each matrix, tables among them, and for biases on demand', async () => {
    const masked = async (options: object): Promise<string[]> => {
      const { trainer } = await adapting(options);
      await trainer.release();
      return trainer.stage.tensors.filter(({ group }) => group === 'theta').map(({ name }) => name.slice(6));
    };
    const matrices = await masked({});
    expect(matrices).toHaveLength(3 + 6);
    expect(matrices).toContain(TABLE);
    const all = await masked({ biases: true });
    expect(all).toHaveLength(3 + 2 + 16);
    expect(all).toEqual(expect.arrayContaining([...matrices, 'bert.embeddings.LayerNorm.weight']));
  });
});

describe('the first logits', () => {
  const initial = async (options: object): Promise<number> => {
    const { trainer } = await adapting(options);
    await trainer.release();
    return prunedShare(allThetas(trainer));
  };

  it('keep everything; with the variance that the paper prints 38 % would begin pruned', async () => {
    for (const init of ['normal', 'uniform', 'constant']) expect(await initial({ init }), init).toBe(0);
    expect(await initial({ deviation: Math.sqrt(0.001) })).toBeCloseTo(0.38, 1);
  });
});

describe('the target', () => {
  it.each([
    [{ sparsity: 0.2 }, 40],
    [{ sparsity: 0.5 }, 7],
    [{ sparsity: 0.7, rule: 'adamw', alpha: 1e-3 }, 40],
    [{ sparsity: 0.9 }, 40],
    [{ sparsity: 0.9, start: 0, end: 1 }, 3],
    [{ sparsity: 0.5, init: 'uniform' }, 1],
    [{ sparsity: 0.37, recovery: false }, 20],
  ])('is exceeded, hardly, with %o in %i steps; then the mask is fixed', async (options, steps) => {
    const end = 'end' in options ? options.end : 0.6;
    const { trainer, finish, notes } = await adapting({ ...options, end }, { steps });
    const { reported, baked } = await finish();
    const thetas = allThetas(trainer);
    const reached = prunedShare(thetas);
    expect(reported['sparsity']).toBe(reached);
    expect(reached).toBeGreaterThan(options.sparsity);
    expect(reached).toBeLessThan(options.sparsity + 0.03);
    expect(reported['fixed']).toBeLessThanOrEqual(Math.max(1, Math.round(end * steps)));
    expect(notes).toEqual([]);
    const zeros = prunedShare(
      trainer.stage.tensors.flatMap(({ name, group }) =>
        group === 'theta' ? [baked.tensors.get(name.slice(6))!.data.map(Math.abs)] : [],
      ),
    );
    expect(zeros).toBe(reached);
  });

  it('leaves logits alone once it is reached, and not the head', async () => {
    const { trainer } = await adapting({ end: 0.3 }, { steps: 10 });
    for (let step = 0; step < 3; step++) await trainer.step();
    const fixed = allThetas(trainer).map(bitsOf);
    const head = bitsOf(trainer.weight('layer_mix.output.weight'));
    for (let step = 3; step < 10; step++) await trainer.step();
    expect(allThetas(trainer).map(bitsOf)).toEqual(fixed);
    expect(bitsOf(trainer.weight('layer_mix.output.weight'))).not.toBe(head);
    await trainer.release();
  });

  it('that is missed by a fixed push is reported as missed', async () => {
    const { finish, notes } = await adapting({ gamma: 1e-5, alpha: 1e-3, sparsity: 0.5 });
    const { reported } = await finish();
    expect(reported['sparsity']).toBe(0);
    expect(reported['fixed']).toBeUndefined();
    expect(notes.join()).toMatch(/0\.0 % of the weights are pruned, the target is 50\.0 %.*higher "gamma"/);
  });

  it('leaves fewer weights the greater a fixed push', async () => {
    const left: number[] = [];
    for (const gamma of [0, 5e-4, 1e-3, 2e-3, 4e-3]) {
      const { finish } = await adapting(
        { gamma, alpha: 0.5, deviation: 0.01, sparsity: 0.999 },
        { steps: 12 },
      );
      left.push(1 - (await finish()).reported['sparsity']!);
    }
    for (let i = 1; i < left.length; i++) expect(left[i]!).toBeLessThan(left[i - 1]!);
  });

  it('may not be chosen before it is reached', async () => {
    const { trainer, method } = await adapting({ end: 0.5 }, { steps: 8 });
    const due: boolean[] = [];
    while (trainer.done < 8) {
      await trainer.step();
      due.push(method.onTarget!(trainer.done, 8));
    }
    await trainer.release();
    expect(due).toEqual([false, false, false, true, true, true, true, true]);
  });

  it('refuses a ramp that ends before it begins', () => {
    expect(() => methodNamed('adapt').create({ start: 0.8, end: 0.2 })).toThrow(UsageError);
    expect(() => methodNamed('adapt').create({ gamma: 'much' })).toThrow(UsageError);
  });
});

describe('recovery', () => {
  const noisy = { sparsity: 0.5, alpha: 20, start: 0, end: 0.9 };
  const run = { steps: 30, examples: madeUpExamples(24), settings: { maxLength: 9 } };

  it('brings weights back, and counts them', async () => {
    const { trainer, finish } = await adapting(noisy, run);
    const ever = allThetas(trainer).map((theta) => new Uint8Array(theta.length));
    while (trainer.done < 27) {
      await trainer.step();
      for (const [t, theta] of allThetas(trainer).entries())
        for (let i = 0; i < theta.length; i++) if (!(theta[i]! > 0)) ever[t]![i] = 1;
    }
    const back = allThetas(trainer).reduce(
      (sum, theta, t) => sum + theta.filter((value, i) => value > 0 && ever[t]![i] === 1).length,
      0,
    );
    const { reported } = await finish();
    expect(back).toBeGreaterThan(0);
    // At the last correction all that is missing is pushed at once, so a weight may cross between two looks.
    expect(reported['recovered']).toBe(back);
    expect(reported['recoveredShare']).toBeGreaterThan(0);
  });

  it('turned off, leaves what is pruned pruned', async () => {
    const { trainer, finish } = await adapting({ ...noisy, recovery: false }, run);
    const gone = new Set<string>();
    while (trainer.done < 30) {
      await trainer.step();
      for (const [t, theta] of allThetas(trainer).entries()) {
        for (let i = 0; i < theta.length; i++) {
          if (!(theta[i]! > 0)) gone.add(`${t} ${i}`);
          else expect(gone.has(`${t} ${i}`)).toBe(false);
        }
      }
    }
    const { reported } = await finish();
    expect(reported['recovered']).toBe(0);
    expect(gone.size).toBeGreaterThan(100);
  });
});

describe('the mask that is trained', () => {
  it('is the hard one of the result while it is learned: same loss', async () => {
    const options = { head: 'stock', names: 'query|output', gamma: 0, alpha: 1, deviation: 0.05 };
    const { trainer, method } = await adapting(options, { steps: 8 });
    let compared = 0;
    for (let step = 0; step < 8; step++) {
      const baked = await method.finish!(trainer.snapshot(), trainer.stage);
      const nearest = Math.min(
        ...allThetas(trainer)
          .flatMap((theta) => [...theta])
          .map(Math.abs),
      );
      const { loss } = await trainer.step(); // taken before its update
      if (nearest < 1e-4) continue; // a mask between 0 and 1
      expect(loss, `step ${step}`).toBeCloseTo(lossOf(new Map(), baked), 5);
      compared++;
    }
    await trainer.release();
    expect(compared).toBeGreaterThan(1);
  });

  it('is the hard one once it is fixed, however near to 0 the logits are', async () => {
    const { trainer, method } = await adapting({ head: 'stock', end: 0.3, deviation: 1e-5 }, { steps: 9 });
    for (let step = 0; step < 3; step++) await trainer.step();
    const nearest = Math.min(
      ...allThetas(trainer)
        .flatMap((theta) => [...theta])
        .map(Math.abs),
    );
    expect(nearest).toBeLessThan(1e-6);
    for (let step = 3; step < 6; step++) {
      const baked = await method.finish!(trainer.snapshot(), trainer.stage);
      expect((await trainer.step()).loss).toBeCloseTo(lossOf(new Map(), baked), 5);
    }
    await trainer.release();
  });

  it('is rounded where it stayed between 0 and 1, which is said', async () => {
    const { finish, notes } = await adapting({ gamma: 0, tForward: 10, sparsity: 0.5 });
    const { reported } = await finish();
    expect(reported['fractional']).toBeGreaterThan(500);
    expect(notes.join()).toMatch(/masks were still between 0 and 1/);
  });
});

describe('counts over logits', () => {
  const generator = random(3, 'logits');
  const theta = Float32Array.from({ length: 501 }, () => generator.normal());

  it('shiftFor is the least push that exceeds a sparsity', () => {
    const parts = [theta.slice(0, 100), theta.slice(100)];
    const begun = prunedShare(parts);
    for (const wanted of [0.1, 0.5, 0.501, 0.75, 0.9, 0.999]) {
      for (const steps of [1, 4]) {
        const push = shiftFor(parts, wanted, steps) * steps;
        const after = (by: number): number =>
          prunedShare(parts.map((part) => part.map((value) => value - by)));
        if (wanted < begun) expect(push).toBe(0);
        else expect(after(push * (1 - 1e-4))).toBeLessThanOrEqual(wanted);
        expect(after(push), `${wanted}`).toBeGreaterThan(wanted);
        if (wanted > begun) expect(after(push)).toBeLessThanOrEqual(wanted + 1 / theta.length + 1e-9);
      }
    }
  });

  it('settle and survivors count as a naive loop does', () => {
    const never = new Uint8Array(theta.length).fill(1);
    const pruned = theta.filter((value) => !(value > 0)).length;
    expect(settle(theta.slice(), never, true)).toBe(pruned);
    expect(never.filter((flag) => flag === 0)).toHaveLength(pruned);
    const turned = theta.map((value) => -value);
    expect(settle(turned.slice(), never.slice(), true)).toBe(theta.length - pruned);
    expect(survivors(turned, never, 1e5)).toMatchObject({ kept: pruned, recovered: pruned });
    const held = turned.slice();
    expect(settle(held, never, false)).toBe(theta.length);
    expect(held.every((value) => value <= 0)).toBe(true);
  });
});

describe('provenance', () => {
  it('names every option', () => {
    const options = Object.keys(adapt.options.parse({})).concat('names');
    expect(Object.keys(adapt.provenance).sort()).toEqual([...new Set(options)].sort());
  });
});
