// One step of tiny models with a head of answer spans against transformers (scripts/squad_goldens.py): logits, loss and
// gradients; distillation against numbers worked out here.
import { describe, expect, it } from 'vitest';
import type { Example, Task } from '../../src/data/example.js';
import { squadTask } from '../../src/data/squad/reader.js';
import { distil } from '../../src/methods/distil.js';
import { createPredictor } from '../../src/train/predictor.js';
import { scoreLogits } from '../../src/train/evaluation.js';
import { teacherLogits } from '../../src/train/teacher.js';
import { golden, type Golden } from '../support/golden.js';
import { expectNear } from '../support/near.js';
import { firstStep, relativeError } from '../support/training.js';

const task: Task = squadTask;

/** The golden step with the positions of its answers. */
async function spanGolden(family: string): Promise<Golden> {
  const found = await golden(`${family}-span.safetensors`, task);
  const ends = Array.from(found.tensor('ends').data, Number);
  const tokens = { ids: new Int32Array(), starts: new Int32Array(), ends: new Int32Array() };
  const examples = found.examples.map((example, row): Example => {
    const question = { id: String(row), text: '', context: '', answers: [{ text: '', start: 0 }] };
    const place = { first: 0, count: 0, at: 0, maximal: new Uint8Array() };
    const window = { question, tokens, ...place, start: example.label, end: ends[row]! };
    return { ...example, label: 0, window };
  });
  return {
    ...found,
    examples,
    settings: { ...found.settings, lr: 1e-3, clip: 0, betas: undefined, epsilon: 1e-8, decay: 0 },
  };
}

const predicted = async ({ model, examples }: Golden): Promise<Float32Array[]> => {
  const predictor = createPredictor({ model, threads: 1, device: 'cpu', padId: 7, rows: 5 });
  const logits = await predictor.logits(examples);
  await predictor.release();
  return logits;
};

describe.each(['bert', 'distilbert', 'roberta', 'electra', 'xlnet'])(
  'a step of answer spans of %s',
  (family) => {
    it('has the logits of transformers at every token that is none of padding', async () => {
      const run = await spanGolden(family);
      const expected = run.examples.flatMap((_, row) =>
        ['start_logits', 'end_logits'].flatMap((name) => run.unpadded(name, row)),
      );
      expectNear(
        (await predicted(run)).flatMap((row) => [...row]),
        expected,
        1e-5,
      );
    });

    it('has the loss and the gradients of PyTorch', async () => {
      const { tensor, gradients, ...run } = await spanGolden(family);
      const found = await firstStep(run);
      expect(Math.abs(found.loss - Number(tensor('loss').data[0]))).toBeLessThan(1e-5);
      expect(found.gradients.size).toBe(gradients.size);
      expect(relativeError(found.gradients, gradients)).toBeLessThan(2e-6);
    });

    it('is scored with the same loss', async () => {
      const run = await spanGolden(family);
      const { loss } = scoreLogits(task, await predicted(run), run.examples);
      expect(loss).toBeCloseTo(Number(run.tensor('loss').data[0]), 5);
    });
  },
);

const softmax = (values: readonly number[]): number[] => {
  const powers = values.map((value) => Math.exp(value - Math.max(...values)));
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
};

it.each(['distilbert', 'xlnet'])(
  'distils starts and ends apart over the tokens of %s: the mean of T^2 KL',
  async (family) => {
    const run = await spanGolden(family);
    const other = { ...run.model, tensors: new Map(run.model.tensors) };
    const bias = other.tensors.get('qa_outputs.weight')!;
    other.tensors.set('qa_outputs.weight', {
      ...bias,
      data: bias.data.map((value, i) => value + Math.sin(i)),
    });
    const predictor = createPredictor({ model: other, threads: 1, device: 'cpu', padId: 0 });
    const teacher = await teacherLogits(predictor, run.examples, task);
    const taught = await predictor.logits(run.examples);
    await predictor.release();
    const student = await predicted(run);
    const temperature = 2;
    const halves = student.flatMap((row, index) =>
      [0, row.length / 2].map((from) => {
        const half = (values: Float32Array): number[] =>
          softmax([...values.subarray(from, from + row.length / 2)].map((value) => value / temperature));
        const [p, q] = [half(taught[index]!), half(row)];
        return temperature ** 2 * p.reduce((sum, chance, i) => sum + chance * Math.log(chance / q[i]!), 0);
      }),
    );
    const expected = halves.reduce((a, b) => a + b) / halves.length;
    const options = distil.options.parse({ temperature, labels: 0, teacher: 1 });
    const { loss } = await firstStep({
      ...run,
      teacher,
      methods: [distil.create(options)],
    });
    expect(expected).toBeGreaterThan(0.1);
    expect(loss).toBeCloseTo(expected, 5);
  },
);
