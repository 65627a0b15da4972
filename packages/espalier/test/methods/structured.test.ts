// Heads and neurons removed in training: how many and when, that masks and cut tensors compute the same, that scores
// are of single examples, and what is refused.
import { describe, expect, it } from 'vitest';
import { zeroFraction } from '../../src/engine/pattern.js';
import { UsageError } from '../../src/errors.js';
import { paddedModel } from '../../src/export/padded.js';
import { methodNamed } from '../../src/methods/index.js';
import type { MethodHooks, PrepareContext } from '../../src/methods/method.js';
import { removableBlocks, structured } from '../../src/methods/structured.js';
import { familyOf } from '../../src/models/families.js';
import { groupsOf } from '../../src/models/groups.js';
import type { Model } from '../../src/models/model.js';
import { structureOf } from '../../src/models/structure.js';
import { createPredictor } from '../../src/train/predictor.js';
import type { Trainer } from '../../src/train/trainer.js';
import { expectNear } from '../support/near.js';
import { firstStep, madeUpExamples, randomModel, trainerOf } from '../support/training.js';

const examples = madeUpExamples(12);
/** 2 blocks of 4 heads of 2, and 12 neurons. */
const model = randomModel({ num_attention_heads: 4 });

interface Run {
  readonly trainer: Trainer;
  readonly hooks: MethodHooks;
  readonly notes: string[];
}

function runOf(options: object, { of = model, steps = 8, more = {} } = {}): Run {
  const notes: string[] = [];
  const hooks = methodNamed('structured').create(options);
  const context: PrepareContext = {
    ...{ sample: () => ({ examples: [], padId: 0 }), threads: 1, device: 'cpu' },
    ...{ note: () => undefined, report: () => undefined },
  };
  void hooks.prepare!(of, context);
  const note = (message: string): void => void notes.push(message);
  return {
    trainer: trainerOf({ model: of, steps, methods: [hooks], examples, note, ...more }),
    hooks,
    notes,
  };
}

/** The masked model after the last step, and the cut one. */
async function finished({ trainer, hooks }: Run): Promise<{ masked: Model; cut: Model }> {
  while (trainer.done < trainer.stage.steps) await trainer.step();
  await trainer.finishStage();
  const masked = trainer.snapshot();
  const cut = await hooks.finish!(masked, trainer.stage);
  await trainer.release();
  return { masked, cut };
}

async function logitsOf(of: Model): Promise<number[]> {
  const predictor = createPredictor({ model: of, threads: 1, device: 'cpu', padId: 0 });
  const logits = await predictor.logits(examples);
  await predictor.release();
  return logits.flatMap((row) => [...row]);
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

describe('what is left', () => {
  it.each([
    [{ sparsity: 0.5 }, 4, 12],
    [{ sparsity: 0.3, heads: 0.5, schedule: 'linear' }, 4, 17],
    [{ sparsity: 0.3, neurons: 0, schedule: 'one-shot' }, 6, 24],
    [{ sparsity: 0.9, rounds: 3 }, 2, 3],
    [{ sparsity: 0.5, score: 'gradient', rounds: 2, scoreSteps: 2 }, 4, 12],
    [{ sparsity: 0.7, ranking: 'layer' }, 4, 8],
  ])('with %o is %i heads and %i neurons, masked, cut and padded alike', async (options, heads, neurons) => {
    const { masked, cut } = await finished(runOf(options));
    const left = structureOf(cut.config);
    expect([sum(left.heads), sum(left.neurons)]).toEqual([heads, neurons]);
    expect(Math.min(...left.heads, ...left.neurons)).toBeGreaterThan(0);
    const count = ({ tensors }: Model): number => sum([...tensors.values()].map(({ data }) => data.length));
    expect(count(model) - count(cut)).toBe((8 - heads) * (4 * 2 * 8 + 3 * 2) + (24 - neurons) * 17);
    const expected = await logitsOf(masked);
    expectNear(await logitsOf(cut), expected, 1e-6);
    expectNear(await logitsOf(paddedModel(cut)), expected, 1e-6);
    expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.1);
  });

  it.each(['distilbert', 'roberta', 'electra'])('of %s is cut alike', async (family) => {
    const sizes = {
      model_type: family,
      num_attention_heads: 4,
      dim: 8,
      n_layers: 2,
      n_heads: 4,
      hidden_dim: 12,
    };
    const own = family === 'distilbert' ? { dropout: 0, attention_dropout: 0 } : { pad_token_id: 0 };
    const of = randomModel({ ...sizes, ...own, embedding_size: 4 });
    const { masked, cut } = await finished(runOf({ sparsity: 0.5 }, { of }));
    expect(sum(structureOf(cut.config).heads)).toBe(4);
    expectNear(await logitsOf(cut), await logitsOf(masked), 1e-6);
  });

  it('can be a block of residual, LayerNorm and output bias', async () => {
    // In the second block two heads are small: of the normalised scores they go first, then the whole first block.
    const tensors = new Map(model.tensors);
    for (const [name, tensor] of tensors) {
      if (!/layer\.1\.attention\.(self|output\.dense\.weight)/.test(name)) continue;
      const unit = (i: number): number => (/self.*weight/.test(name) ? Math.floor(i / 8) : i % 8);
      tensors.set(name, { ...tensor, data: tensor.data.map((w, i) => (unit(i) < 4 ? w : 0.01 * w)) });
    }
    const options = { heads: 0.8, neurons: 1, minimumHeads: 0, minimumNeurons: 0, schedule: 'one-shot' };
    const { masked, cut } = await finished(runOf(options, { of: { ...model, tensors } }));
    expect(cut.config.espalier!.neurons).toEqual([0, 0]);
    expect(cut.config.espalier!.heads).toEqual([0, 2]);
    const prefix = 'bert.encoder.layer.0.';
    const names = [...cut.tensors.keys()].filter((name) => name.startsWith(prefix));
    expect(names.map((name) => name.slice(prefix.length))).toEqual([
      'attention.output.dense.bias',
      'attention.output.LayerNorm.weight',
      'attention.output.LayerNorm.bias',
      'output.dense.bias',
      'output.LayerNorm.weight',
      'output.LayerNorm.bias',
    ]);
    expectNear(await logitsOf(cut), await logitsOf(masked), 1e-6);
    expectNear(await logitsOf(paddedModel(cut)), await logitsOf(masked), 1e-6);
  });

  it('is counted from what a ragged model has', async () => {
    const first = (await finished(runOf({ sparsity: 0.5 }))).cut;
    const second = (await finished(runOf({ sparsity: 0.5 }, { of: first }))).cut;
    expect(sum(structureOf(second.config).heads)).toBe(2);
    expect(sum(structureOf(second.config).neurons)).toBe(6);
    expectNear(await logitsOf(paddedModel(second)), await logitsOf(second), 1e-6);
  });

  it('is said where it is more than was asked for', async () => {
    const { trainer, notes } = runOf({ sparsity: 0.5, heads: 0.9 });
    await trainer.release();
    expect(notes).toContain('6 of the 7 heads go: every block keeps 1');
    expect(notes.filter((note) => note.includes('neurons'))).toEqual([]);
  });
});

describe('the way there', () => {
  it('follows the schedule, and nothing comes back through momentum or decay', async () => {
    const { trainer } = runOf({ neurons: 0.5, heads: 0, rounds: 4, schedule: 'cubic' });
    const reported: (number | undefined)[] = [];
    const rows = (): number[] =>
      [0, 1].map(
        (block) => 12 * zeroFraction([trainer.weight(`bert.encoder.layer.${block}.intermediate.dense.bias`)]),
      );
    const zeros: number[] = [];
    while (trainer.done < 8) {
      reported.push((await trainer.step()).reported['neuronsRemoved']);
      zeros.push(Math.round(sum(rows())));
    }
    await trainer.release();
    // 12 * 37/64 = 6.9, 12 * 56/64 = 10.5, 12 * 63/64 = 11.8
    expect(reported).toEqual([6, 10, undefined, 11, undefined, 12, undefined, undefined]);
    expect(zeros).toEqual([6, 10, 10, 11, 11, 12, 12, 12]);
  });

  it('removes what the twin of C.8 would, by layer', async () => {
    const { trainer, hooks } = runOf(
      { sparsity: 0.5, schedule: 'one-shot', ranking: 'layer' },
      { steps: 1, more: { settings: { lr: 1e-12 } } },
    );
    const { cut } = await finished({ trainer, hooks, notes: [] });
    const norm = (name: string, head: number, columns: boolean): number => {
      const { data } = model.tensors.get(`bert.encoder.layer.1.${name}`)!;
      let total = 0;
      for (let i = 0; i < data.length; i++) {
        const row = data.length === 8 ? i : Math.floor(i / 8);
        if (Math.floor((columns ? i % 8 : row) / 2) === head) total += data[i]! ** 2;
      }
      return total;
    };
    const readers = ['query', 'key', 'value'].map((role) => `attention.self.${role}`);
    const scores = [0, 1, 2, 3].map(
      (head) =>
        sum(readers.map((name) => norm(`${name}.weight`, head, false) + norm(`${name}.bias`, head, false))) +
        norm('attention.output.dense.weight', head, true),
    );
    const kept = [0, 1, 2, 3]
      .sort((a, b) => scores[b]! - scores[a]!)
      .slice(0, 2)
      .sort();
    const biases = model.tensors.get('bert.encoder.layer.1.attention.self.value.bias')!.data;
    const expected = kept.flatMap((head) => [...biases.subarray(2 * head, 2 * head + 2)]);
    expectNear(cut.tensors.get('bert.encoder.layer.1.attention.self.value.bias')!.data, expected, 1e-6);
  });

  it('scores examples one by one, and trains as if it had not', async () => {
    const one = madeUpExamples(4);
    const settings = { batchSize: 4, clip: 0 };
    const options = { score: 'gradient', scoreSteps: 2, start: 0.5, sparsity: 0.5 };
    const { trainer } = runOf(options, { more: { examples: one, settings } });
    const plain = trainerOf({ model, examples: one, settings, steps: 8 });
    for (let step = 0; step < 2; step++) await Promise.all([trainer.step(), plain.step()]);
    const before = trainer.snapshot();
    // The third step is scored; its further passes must not show in loss, terms and weights.
    const [scored, unscored] = [await trainer.step(), await plain.step()];
    expect({ ...scored, milliseconds: 0 }).toEqual({ ...unscored, milliseconds: 0 });
    for (const { name } of plain.stage.tensors)
      expect([...trainer.weight(name)], name).toEqual([...plain.weight(name)]);
    await plain.release();
    const found = trainer.stage.state<Record<string, number[][]>>('structured.scores', {}).value;
    await trainer.release();
    const groups = groupsOf(familyOf(model.config).blocks!, model.config);
    const expected = [0, 1].map(() => new Array<number>(4).fill(0));
    const scoredOnce: number[][] = found['heads']!;
    for (const example of one) {
      const { gradients } = await firstStep({
        model: before,
        examples: [example],
        settings: { ...settings, batchSize: 1 },
      });
      for (const [block, { members, count }] of groups.heads.entries()) {
        const sums = new Array<number>(count).fill(0);
        for (const { name, outer, inner } of members) {
          const [w, g] = [before.tensors.get(name)!.data, gradients.get(name)!];
          for (let i = 0; i < w.length; i++) sums[Math.floor(i / inner) % count]! += w[i]! * g[i]!;
          expect(w.length).toBe(outer * count * inner);
        }
        for (const [head, value] of sums.entries()) expected[block]![head]! += Math.abs(value) / 4;
      }
    }
    for (const block of [0, 1]) expectNear(scoredOnce[block]!, expected[block]!, 1e-5);
    expect(Math.max(...scoredOnce.flat())).toBeGreaterThan(1e-3);
  });

  it('lets the best weights be chosen only after the last removal', () => {
    const hooks = structured.create(structured.options.parse({ rounds: 4 }));
    const due = [1, 24, 74, 75, 100].map((done) => hooks.onTarget!(done, 100));
    expect(due).toEqual([false, false, false, true, true]);
  });
});

describe('what is refused', () => {
  it.each([
    [{ heads: 1.5 }, /option "heads"/],
    [{ neurons: -0.1 }, /option "neurons"/],
    [{ sparsity: 1 }, /option "sparsity"/],
    [{ start: 0.6, end: 0.5 }, /option "end": expected an end after the start/],
    [{ rounds: 0 }, /option "rounds"/],
    [{ schedule: 'quartic' }, /option "schedule"/],
  ])('%o', (options, message) => {
    expect(() => methodNamed('structured').create(options)).toThrow(UsageError);
    expect(() => methodNamed('structured').create(options)).toThrow(message);
  });

  it('is every head, where a block has to keep one', () => {
    expect(() => runOf({ heads: 1 })).toThrow(/"heads": expected less than 1.*first token/);
    expect(() => runOf({ neurons: 1 })).toThrow(/"neurons": expected less than 1.*minimumNeurons/);
  });

  it('is a family whose blocks are others', () => {
    const other = { name: 'xlnet' }; // without blocks
    expect(() => removableBlocks(other)).toThrow(UsageError);
    expect(() => removableBlocks(other)).toThrow(
      /the family forbids it: .*"xlnet" cannot be removed; expected one of: bert, distilbert, roberta, electra/,
    );
  });
});
