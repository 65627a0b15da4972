// Answer spans from end to end on the garden language: learned, pruned, quantised, exported, asked; a resumed run has
// the same bits; bad input leaves nothing behind.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadSquad } from '../../src/data/squad/reader.js';
import { Interrupted } from '../../src/errors.js';
import { compress } from '../../src/jobs/compress.js';
import { evaluate } from '../../src/jobs/evaluate.js';
import { exportModel } from '../../src/jobs/export.js';
import { finetune } from '../../src/jobs/finetune.js';
import { inspect } from '../../src/jobs/inspect.js';
import { predict } from '../../src/jobs/predict.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { parseRecipe, setOption } from '../../src/recipe/recipe.js';
import type { RunControl, RunEvent } from '../../src/recipe/run.js';
import type { Report } from '../../src/report/report.js';
import { scoreAnswers } from '../../src/train/span-metrics.js';
import { row, sha256, writeProject } from '../support/cli.js';
import { tinyFamily } from '../support/families.js';
import { writeGardenSquad } from '../support/garden-squad.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('garden');
const out = path('out');
const data = { task: 'squad', data: root, threads: 1 };
/** Fewer questions, where nothing has to be learnt. */
const few = { ...data, data: path('few') };
const settings = { steps: 120, batchSize: 8, maxLength: 144, lr: 1e-2, dropout: 0 };
const base = join(root, 'base');

function recording(stopAfter = Infinity): RunControl & { readonly events: RunEvent[] } {
  const events: RunEvent[] = [];
  const steps = (): number => events.filter(({ type }) => type === 'step').length;
  return { events, onEvent: (event) => void events.push(event), stopRequested: () => steps() >= stopAfter };
}
const control = recording();
const notes = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'note' ? [event.message] : []));

const recipe = parseRecipe(
  {
    name: 'sparse-int8',
    stages: [
      { stage: 'finetune', methods: [{ name: 'magnitude', sparsity: 0.5 }] },
      { stage: 'finetune', methods: [{ name: 'lock' }, { name: 'distil' }, { name: 'quantise' }] },
    ],
  },
  'recipe',
);

let report: Report;
beforeAll(async () => {
  await writeGardenSquad(root, { train: 300, dev: 100 });
  await writeGardenSquad(path('few'), { train: 60, dev: 10 });
  report = await compress(
    { ...data, model: base, out, recipe, settings, onnx: true, evalEvery: 100 },
    control,
  );
});

describe('compress', () => {
  it('learns to answer, with half of its encoder weights and in int8', () => {
    const { dense, compressed, denseInt8, onnxInt8 } = report.metrics;
    for (const scores of [dense, compressed, denseInt8, onnxInt8]) {
      expect(scores!.f1).toBeGreaterThan(2 * scores!.majority!);
      expect(scores!.f1).toBeGreaterThanOrEqual(scores!.exactMatch!);
      expect(scores!.exactMatch).toBeGreaterThan(0);
      expect(scores!.loss).toBeGreaterThan(0);
    }
    expect(report.sparsity.encoder).toBeCloseTo(0.5, 2);
    expect(report.data.rows).toEqual([300, 100]);
    expect(report.settings['maxLength']).toBe(144);
    expect(report.settings['trainRows']).toBeGreaterThan(300); // windows
    expect(readFileSync(join(out, 'report.md'), 'utf8')).toMatch(/^\| exactMatch +\|/m);
  });

  it('says what it reads, and evaluates on dev while it trains', () => {
    expect(notes(control.events)).toContainEqual(
      expect.stringMatching(/^train: 300 questions, \d+ windows$/),
    );
    const evaluations = control.events.filter(({ type }) => type === 'evaluation');
    expect(evaluations.length).toBeGreaterThan(0);
    expect(evaluations[0]).toMatchObject({ scores: { f1: expect.any(Number) as number } });
  });

  it("writes transformers' question-answering model: no pooler, a head of two rows, no settings of a classifier", async () => {
    const { config, tensors } = await loadCheckpoint(out);
    expect(config.architectures).toEqual(['BertForQuestionAnswering']);
    expect([config.id2label, config.problem_type]).toEqual([undefined, undefined]);
    expect([...tensors.keys()].filter((name) => !/^bert\.(embeddings|encoder)\./.test(name))).toEqual([
      'qa_outputs.bias',
      'qa_outputs.weight',
    ]);
    const { components } = await inspect({ model: out });
    expect(components.find(({ component }) => component === 'heads')).toBeDefined();
  });

  it.each(['rpp', 'nip', 'distil'])('runs %s', async (name) => {
    const chosen = name === 'distil' ? builtinRecipe(name) : setOption(builtinRecipe(name), 'sparsity', 0.6);
    const options = { ...few, model: base, dense: path('dense'), recipe: chosen, out: path(name) };
    if (!existsSync(path('dense'))) {
      await finetune(
        { ...few, model: base, out: path('dense'), settings: { ...settings, steps: 5 } },
        control,
      );
    }
    const made = await compress({ ...options, settings: { ...settings, steps: 15 } }, control);
    expect(made.metrics.compressed!.f1).toBeGreaterThanOrEqual(0);
    expect(made.metrics.dense!.loss).toBeGreaterThan(0);
    if (name !== 'distil') expect(made.sparsity.encoder).toBeCloseTo(0.6, 2);
  });
});

describe.each([
  ['distilbert', 'DistilBertForQuestionAnswering'],
  ['roberta', 'RobertaForQuestionAnswering'],
  ['electra', 'ElectraForQuestionAnswering'],
  ['xlnet', 'XLNetForQuestionAnsweringSimple'],
] as const)('%s', (family, architecture) => {
  it('learns where the taste stands, and says so as folder and as file', async () => {
    const folder = path(family);
    mkdirSync(join(folder, 'squad'), { recursive: true });
    await saveCheckpoint(join(folder, 'base'), tinyFamily(family));
    for (const [split, count] of [
      ['train', 40],
      ['dev', 10],
    ] as const) {
      const paragraphs = Array.from({ length: count }, (_, i) => {
        const { text: context, label: text } = row(i);
        const answers = [{ text, answer_start: context.indexOf(text) }];
        return { context, qas: [{ id: `${split}-${i}`, question: 'the pears were ', answers }] };
      });
      writeFileSync(join(folder, 'squad', `${split}.json`), JSON.stringify({ data: [{ paragraphs }] }));
    }
    const options = {
      ...data,
      data: folder,
      model: join(folder, 'base'),
      out: join(folder, 'out'),
      onnx: true,
    };
    const short = { steps: 60, batchSize: 8, maxLength: 24, lr: 5e-3, dropout: 0 };
    const { metrics } = await finetune({ ...options, settings: short }, control);
    expect(metrics.dense!.exactMatch).toBe(1);
    expect((await loadCheckpoint(join(folder, 'out'))).config.architectures).toEqual([architecture]);
    for (const model of [join(folder, 'out'), join(folder, 'out', 'onnx', 'model.onnx')]) {
      const asked = { model, text: 'the pears were', pair: 'the pears were very very sweet', threads: 1 };
      expect(await predict(asked)).toMatchObject({ label: 'sweet', span: { start: 25, end: 30 } });
    }
  });
});

describe('a resumed run', () => {
  it('has the same bits, chosen on held-out questions too', async () => {
    const options = {
      ...{ ...few, model: base, limit: 40, select: 'best' as const, evalEvery: 4, checkpointEvery: 3 },
      settings: { ...settings, steps: 10, dropout: 0.1, microBatchSize: 4 },
    };
    await finetune({ ...options, out: path('whole') }, recording());
    const stopped = finetune({ ...options, out: path('stopped') }, recording(5));
    await expect(stopped).rejects.toThrow(Interrupted);
    await finetune({ ...options, out: path('stopped'), resume: true }, recording());
    const weights = (name: string): string => sha256(path(name, 'model.safetensors'));
    expect(weights('stopped')).toBe(weights('whole'));
    expect(weights('stopped')).not.toBe(sha256(join(base, 'model.safetensors')));
    const other = finetune({ ...options, docStride: 20, out: path('stopped'), resume: true }, recording());
    await expect(other).rejects.toThrow(/other options, data or models/);
  });
});

describe('the written model', () => {
  const file = (name: string): string => join(out, 'onnx', name);

  it('is scored alike as folder and as files, by questions', async () => {
    const asked = { ...data, maxLength: 144 };
    const folder = await evaluate({ ...asked, model: out }, control);
    expect(folder.rows).toBe(100);
    expect(folder.metrics).toEqual(report.metrics.compressed);
    const int8 = await evaluate({ ...asked, model: file('model_quantized.onnx') }, control);
    expect(int8.metrics).toEqual(report.metrics.onnxInt8);
    const whole = await evaluate({ ...data, model: out, stride: 'overlap', docStride: 30 }, control);
    expect(whole.rows).toBe(100);
  });

  it('writes its answers by question, which score what was printed', async () => {
    const predictions = path('answers.json');
    const asked = { ...data, model: out, maxLength: 144, predictions };
    const { metrics } = await evaluate(asked, control);
    const answers = JSON.parse(readFileSync(predictions, 'utf8')) as Record<string, string>;
    const { dev } = await loadSquad(root);
    const questions = dev.map(({ question }) => question!);
    expect(Object.keys(answers)).toEqual(questions.map(({ id }) => id));
    const scores = scoreAnswers(
      questions,
      questions.map(({ id }) => answers[id]!),
    );
    expect(metrics).toMatchObject(scores);
    await expect(evaluate({ ...asked, task: 'sst2' }, control)).rejects.toThrow(
      /--predictions writes the answers of squad; found --task sst2/,
    );
  });

  it('has the outputs of transformers.js', async () => {
    const session = await InferenceSession.create(readFileSync(file('model.onnx')));
    const tokens = ['batch', 'sequence'];
    const shapes = session.outputMetadata.map((value) => [value.name, value.isTensor && value.shape]);
    expect(shapes).toEqual([
      ['start_logits', tokens],
      ['end_logits', tokens],
    ]);
    await session.release();
  });

  it.each(['onnx', 'dynamic', 'static'] as const)('is exported and checked: %s', async (kind) => {
    const to = kind === 'onnx' ? kind : 'onnx-int8';
    const target = path(`${kind}.onnx`);
    const int8 = kind === 'onnx' ? undefined : kind;
    const result = await exportModel({ ...data, model: out, to, int8, out: target, maxLength: 144 }, control);
    if (kind === 'onnx') expect(result.largestDifference).toBeLessThan(1e-4);
    else expect(result.agreement).toBeGreaterThanOrEqual(0.995);
    expect(result.metrics!.exactMatch).toBeGreaterThanOrEqual(0);
  });

  it('answers with text of the context, its place in code points, and its score', async () => {
    const pair = '😀 Anna had a small garden. The rose was red and tall. It grew by the wall.';
    for (const model of [out, file('model.onnx')]) {
      const { label, span, scores } = await predict({
        model,
        text: 'What colour was the rose?',
        pair,
        threads: 1,
      });
      expect(label).not.toBe('');
      expect(Array.from(pair).slice(span!.start, span!.end).join('')).toBe(label);
      expect(Number.isFinite(scores['score'])).toBe(true);
    }
    await expect(predict({ model: out, text: 'What?' })).rejects.toThrow(/the context as --pair/);
  });
});

describe('bad input', () => {
  const train = (options: object) =>
    finetune(
      { ...few, model: base, out: path('bad'), settings: { ...settings, steps: 3 }, ...options },
      control,
    );
  const nothing = (): void => expect(existsSync(path('bad'))).toBe(false);

  it('a stride larger than the window, and one where there are no windows', async () => {
    await expect(train({ docStride: 143 })).rejects.toThrow(
      /--doc-stride 143 \(advance\) is larger than the window: expected at most \d+/,
    );
    await expect(train({ docStride: 140, stride: 'overlap' })).rejects.toThrow(
      /\(overlap\) is larger than the window/,
    );
    await writeProject(path('project'));
    const labels = { task: 'classify', data: path('project', 'classify'), docStride: 9 };
    await expect(train({ ...labels, model: path('project', 'base') })).rejects.toThrow(
      /--doc-stride is for windows over the contexts of squad; found --task classify/,
    );
    nothing();
  });

  it('more tokens than positions; without a length the positions decide', async () => {
    await expect(train({ settings: { maxLength: 300 } })).rejects.toThrow(/beyond the model's 256 positions/);
    const { settings: used } = await train({ out: path('default'), settings: { steps: 1, batchSize: 4 } });
    expect(used['maxLength']).toBe(256);
    nothing();
  });

  it('a model without tokenizer files, and one without the head', async () => {
    const model = path('bare');
    cpSync(base, model, { recursive: true });
    for (const file of ['vocab.txt', 'tokenizer.json', 'tokenizer_config.json']) rmSync(join(model, file));
    await expect(train({ model })).rejects.toThrow(/no tokenizer in .*bare/);
    await expect(evaluate({ ...data, model: base }, control)).rejects.toThrow(
      /has no head for task "squad": expected start and end logits, found none; fine-tune it first/,
    );
    nothing();
  });

  it('answers outside their contexts: counted, named and left out, unless nothing is left', async () => {
    const folder = path('misplaced');
    cpSync(join(few.data, 'squad'), folder, { recursive: true });
    const file = join(folder, 'train-v1.1.json');
    const text = readFileSync(file, 'utf8');
    let count = 0;
    writeFileSync(
      file,
      text.replace(/"answer_start":(\d+)/g, (all) => (count++ < 4 ? '"answer_start":9999' : all)),
    );
    const told = recording();
    await finetune(
      { ...data, data: folder, model: base, out: path('left'), settings: { ...settings, steps: 1 } },
      told,
    );
    expect(notes(told.events)).toContainEqual(
      expect.stringMatching(
        /^train: the answers of 4 of 60 questions do not stand where answer_start says \(train-0-\d, train-0-\d, train-0-\d, \.\.\.\); they are left out$/,
      ),
    );
    writeFileSync(file, text.replace(/"answer_start":\d+/g, '"answer_start":9999'));
    await expect(train({ data: folder })).rejects.toThrow(/train: no question is left/);
    nothing();
  });

  it('no dev split, and an empty one', async () => {
    const folder = path('half');
    mkdirSync(folder);
    cpSync(join(root, 'squad', 'train-v1.1.json'), join(folder, 'train-v1.1.json'));
    await expect(train({ data: folder })).rejects.toThrow(/no dev-v1\.1 split for squad/);
    writeFileSync(join(folder, 'dev.json'), '{"version":"1.1","data":[]}');
    await expect(train({ data: folder })).rejects.toThrow(
      /dev\.json: expected at least one question, found none/,
    );
    nothing();
  });
});
