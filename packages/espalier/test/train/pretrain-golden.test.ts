// A step of pre-training of a tiny BERT against PyTorch (scripts/pretrain_goldens.py): losses and gradients, alone and
// distilled from a teacher, with padding and a padded number of masked positions.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Corpus } from '../../src/data/corpus/index.js';
import { distil } from '../../src/methods/distil.js';
import { parseConfig } from '../../src/models/config.js';
import type { Model } from '../../src/models/model.js';
import { readSafetensors } from '../../src/tensor/safetensors.js';
import { toF32 } from '../../src/tensor/half.js';
import { createForward } from '../../src/train/forward.js';
import type { Objective } from '../../src/train/objective.js';
import {
  pretrainBatches,
  type PretrainExample,
  pretrainObjective,
} from '../../src/train/pretrain-objective.js';
import { evaluatePretraining } from '../../src/train/pretrain-evaluation.js';
import { pretrainTeacher } from '../../src/train/pretrain-teacher.js';
import { modelBits, recorder, relativeError, settingsOf, trainerOf } from '../support/training.js';

const file = fileURLToPath(new URL('../fixtures/pretrain-step.safetensors', import.meta.url));
const { tensors, metadata } = await readSafetensors(file);
const { config, teacher: teacherConfig } = JSON.parse(metadata['golden']!);
const numbers = (name: string): number[] => Array.from(tensors.get(name)!.data, Number);
const [words, sentence, every, masked, nextSentence] = numbers('losses') as [
  ...[number, number, number, number, number],
];

const modelOf = (prefix: string, of: unknown): Model => ({
  source: file,
  family: 'bert',
  config: parseConfig(of, file),
  tensors: new Map(
    [...tensors].flatMap(([name, tensor]) => {
      const own = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      return /^(bert|cls)\./.test(own) ? [[own, toF32(tensor)] as const] : [];
    }),
  ),
  tokenizerFiles: new Map(),
});
const [rows, length] = tensors.get('input_ids')!.shape as [number, number];

/** The examples of the fixture: unpadded ids, with the positions that carry a label. */
const examples = Array.from({ length: rows }, (_, row): PretrainExample => {
  const of = (name: string): number[] => numbers(name).slice(row * length, (row + 1) * length);
  const count = of('attention_mask').filter((bit) => bit === 1).length;
  const positions = [...of('labels').keys()].filter((position) => of('labels')[position] !== -100);
  return {
    index: row,
    label: numbers('next_sentence_label')[row]!,
    ids: Int32Array.from(of('input_ids').slice(0, count)),
    typeIds: Uint8Array.from(of('token_type_ids').slice(0, count)),
    positions: Int32Array.from(positions),
    targets: Int32Array.from(positions, (position) => of('labels')[position]!),
  };
});

/** The objective over the fixture's batch, in passes of `microRows`; more rows and positions than it fills. */
function objective(microRows: number): Objective {
  const corpus: Corpus = {
    ids: Int32Array.from({ length: 200 }, (_, i) => i % 97),
    continues: new Uint8Array(200),
    sentences: Int32Array.from([0, 50, 100, 150, 200]),
    documents: Int32Array.from([0, 2, 4]),
    ...{ vocabSize: 97, padId: 0, clsId: 1, sepId: 2, maskId: 3 },
    specials: new Set([0, 1, 2, 3]),
  };
  const data = {
    corpus,
    masking: { style: 'exact', probability: 0.5, wholeWord: false } as const,
    nextSentence: true,
    seed: 1,
  };
  const made = pretrainObjective({ data, settings: settingsOf({ batchSize: microRows, maxLength: 16 }) });
  const bucket = { rows: microRows, length: 16 };
  return {
    ...made,
    microBatches: Math.ceil(rows / microRows),
    batches: () => pretrainBatches(examples, bucket, () => microRows * 8, { padId: 0 }),
  };
}

async function step(microRows: number, distilled?: { positions: 'all' | 'masked' }) {
  const { method, gradients } = recorder();
  const model = modelOf('', config);
  const teacherModel = modelOf('teacher.', teacherConfig);
  const before = modelBits(teacherModel);
  const teacher = pretrainTeacher(teacherModel, { threads: 1, device: 'cpu' }, true);
  const methods = distilled
    ? [distil.create({ temperature: 2, labels: 0.5, teacher: 0.5, ...distilled }), method]
    : [method];
  const trainer = trainerOf({
    model,
    objective: objective(microRows),
    methods,
    settings: { batchSize: rows, maxLength: 16, clip: 0 },
    teacher: distilled && teacher,
  });
  const result = await trainer.step();
  await trainer.release();
  await teacher.release();
  expect(modelBits(teacherModel), 'the teacher').toEqual(before);
  expect([...gradients.keys()].filter((name) => name.includes('teacher'))).toEqual([]);
  return { ...result, gradients };
}

const goldenGradients = (prefix: string): Map<string, Float32Array> =>
  new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), toF32(tensor).data] as const] : [],
    ),
  );

describe.each([4, 2])('a step of pre-training in passes of %i rows', (microRows) => {
  it('has the losses and gradients of PyTorch', async () => {
    const { terms, loss, gradients } = await step(microRows);
    expect(terms['mlm']).toBeCloseTo(words, 5);
    expect(terms['nsp']).toBeCloseTo(sentence, 5);
    expect(loss).toBeCloseTo(words + sentence, 5);
    expect(relativeError(gradients, goldenGradients('grad.'))).toBeLessThan(2e-6);
  });

  it('has them when distilled at every token', async () => {
    const { terms, loss, gradients } = await step(microRows, { positions: 'all' });
    expect(terms['distil_mlm']).toBeCloseTo(every, 5);
    expect(terms['distil_nsp']).toBeCloseTo(nextSentence, 5);
    expect(loss).toBeCloseTo(0.5 * (words + sentence) + 0.5 * (every + nextSentence), 5);
    expect(relativeError(gradients, goldenGradients('distilled.'))).toBeLessThan(2e-6);
  });

  it('compares masked positions only when told so', async () => {
    const { terms } = await step(microRows, { positions: 'masked' });
    expect(terms['distil_mlm']).toBeCloseTo(masked, 5);
  });
});

it('is scored by the losses of PyTorch, and by counting', async () => {
  const made = objective(4);
  const trainer = trainerOf({ model: modelOf('', config), objective: made, settings: { maxLength: 16 } });
  const forward = createForward(trainer.forward, { threads: 1, device: 'cpu' });
  const scores = await evaluatePretraining(forward, made.batches(0));
  await forward.release();
  await trainer.release();
  expect(scores.mlmLoss).toBeCloseTo(words, 5);
  expect(scores.nspLoss).toBeCloseTo(sentence, 5);
  expect(scores.nspMajority).toBeCloseTo(2 / 3, 12);
  expect(scores.mlmAccuracy * 6).toBeCloseTo(Math.round(scores.mlmAccuracy * 6), 12);
});
