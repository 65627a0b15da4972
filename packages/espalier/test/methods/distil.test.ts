// The distillation loss against golden values and a hand loop, alone and within a training step.
import { describe, expect, it } from 'vitest';
import type { Example } from '../../src/data/example.js';
import { evaluate } from '../../src/graph/evaluate.js';
import { differentiate } from '../../src/graph/differentiate.js';
import { constant } from '../../src/graph/program.js';
import { reduceSum } from '../../src/graph/ops/index.js';
import { distil } from '../../src/methods/distil.js';
import { distillationLoss } from '../../src/train/distillation-loss.js';
import { createPredictor } from '../../src/train/predictor.js';
import { teacherLogits } from '../../src/train/teacher.js';
import { firstStep, madeUpExamples, randomModel, twoClasses } from '../support/training.js';
import type { Task } from '../../src/data/example.js';

const softmax = (logits: readonly number[]): number[] => {
  const sum = logits.reduce((total, x) => total + Math.exp(x), 0);
  return logits.map((x) => Math.exp(x) / sum);
};

/** T^2 KL(teacher || student), by the definition. */
function divergence(student: readonly number[], teacher: readonly number[], temperature: number): number {
  const p = softmax(teacher.map((x) => x / temperature));
  const q = softmax(student.map((x) => x / temperature));
  return temperature ** 2 * p.reduce((sum, x, i) => sum + x * Math.log(x / q[i]!), 0);
}

describe('distillationLoss', () => {
  const teacher = constant([2, 0, -2], [1, 3]);
  const value = (student: readonly number[]): number =>
    evaluate([distillationLoss(constant(student, [1, 3]), teacher, 2)], new Map())[0]!.data[0]!;

  it('is 4 * 0.0602688975 for student (1, 0, -1) and teacher (2, 0, -2) at temperature 2', () => {
    expect(value([1, 0, -1])).toBeCloseTo(0.24107559, 8);
    expect(value([1, 0, -1]) / 4).toBeCloseTo(0.0602688975, 9);
    expect(divergence([1, 0, -1], [2, 0, -2], 2)).toBeCloseTo(0.24107559, 8);
  });

  it('is 0, with a gradient of 0, when the student agrees up to a constant', () => {
    const student = constant([5, 3, 1], [1, 3]);
    const loss = reduceSum(distillationLoss(student, teacher, 2));
    const gradient = differentiate(loss, [student]).get(student)!.dense!;
    const [at, slope] = evaluate([loss, gradient], new Map());
    expect(at!.data[0]).toBeCloseTo(0, 12);
    for (const entry of slope!.data) expect(entry).toBeCloseTo(0, 12);
  });
});

describe('the distil method in a step', () => {
  async function logitsOf(model: ReturnType<typeof randomModel>, examples: readonly Example[], task: Task) {
    const predictor = createPredictor({ model, threads: 2, device: 'cpu', padId: 0 });
    const logits = (await predictor.logits(examples)).map((row) => [...row]);
    const source = await teacherLogits(predictor, examples, task);
    await predictor.release();
    return { logits, source };
  }
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

  it('adds T^2 KL at its weight and scales the labels by theirs, whatever the order of the examples', async () => {
    // More examples than rows of the predictor, and a batch that is padded.
    const examples = madeUpExamples(5);
    const teacher = await logitsOf(randomModel({}, 2), examples, twoClasses);
    const student = await logitsOf(randomModel(), examples, twoClasses);
    const found = await firstStep({
      examples,
      settings: { batchSize: 8 },
      methods: [distil.create({ temperature: 3, labels: 0.25, teacher: 2, positions: 'all' })],
      teacher: teacher.source,
    });
    const labels = mean(examples.map(({ label }, i) => -Math.log(softmax(student.logits[i]!)[label]!)));
    const soft = mean(examples.map((_, i) => divergence(student.logits[i]!, teacher.logits[i]!, 3)));
    expect(found.loss).toBeCloseTo(0.25 * labels + 2 * soft, 5);
  });

  it('takes the squared error to the teacher in regression', async () => {
    const task: Task = { ...twoClasses, kind: 'regression', labels: ['score'], metrics: ['pearson'] };
    const config = { id2label: { 0: 'score' } };
    const examples = madeUpExamples(4);
    const teacher = await logitsOf(randomModel(config, 2), examples, task);
    const student = await logitsOf(randomModel(config), examples, task);
    const found = await firstStep({
      model: randomModel(config),
      task,
      examples,
      methods: [distil.create({ temperature: 2, labels: 0, teacher: 1, positions: 'all' })],
      teacher: teacher.source,
    });
    const expected = mean(examples.map((_, i) => (student.logits[i]![0]! - teacher.logits[i]![0]!) ** 2));
    expect(found.loss).toBeCloseTo(expected, 5);
  });
});
