// Bad input: one or two lines that name what is wrong, the exit status of the contract, and no output directory.
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EspalierError } from '../../src/errors.js';
import { compress } from '../../src/jobs/compress.js';
import { evaluate } from '../../src/jobs/evaluate.js';
import { exportModel } from '../../src/jobs/export.js';
import { finetune } from '../../src/jobs/finetune.js';
import { predict } from '../../src/jobs/predict.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { parseRecipe, stagesFor } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import { readSafetensors, writeSafetensors } from '../../src/tensor/safetensors.js';
import { f32 } from '../../src/tensor/tensor.js';
import { sha256, smallDisk, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const out = path('project', 'out');
const control: RunControl = { onEvent: () => {}, stopRequested: () => false };

beforeAll(() => writeProject(root));

/** The error of a job that must fail with one of ours. */
async function failure(job: Promise<unknown>): Promise<EspalierError> {
  const error: unknown = await job.then(
    () => new Error('expected a failure'),
    (cause: unknown) => cause,
  );
  if (!(error instanceof EspalierError)) throw error;
  expect(error.message.split('\n').length).toBeLessThanOrEqual(2);
  return error;
}

const train = (options: object): ReturnType<typeof finetune> =>
  finetune(
    {
      ...{ model: join(root, 'base'), task: 'classify', data: join(root, 'classify'), out, threads: 1 },
      ...{ settings: { steps: 3, batchSize: 8, maxLength: 16 }, ...options },
    },
    control,
  );

/** A copy of `base` after `change`. */
function changed(name: string, change: (folder: string) => void): string {
  const folder = path('project', name);
  cpSync(join(root, 'base'), folder, { recursive: true });
  change(folder);
  return folder;
}

const weights = (folder: string): string => join(folder, 'model.safetensors');

async function changeTensors(
  folder: string,
  change: (tensors: Awaited<ReturnType<typeof readSafetensors>>['tensors']) => void,
): Promise<void> {
  const { tensors } = await readSafetensors(weights(folder));
  change(tensors);
  await writeSafetensors(weights(folder), tensors);
}

/** Sets one weight of a tensor. */
const changeWeight = (folder: string, name: string, value: number): Promise<void> =>
  changeTensors(folder, (tensors) => {
    const { shape, data } = tensors.get(name)!;
    tensors.set(name, f32(shape, Float32Array.from(data as Float32Array).fill(value, 5, 6)));
  });

describe('models', () => {
  const cases: [string, RegExp, (folder: string) => void | Promise<void>][] = [
    ['no weights', /model\.safetensors/, (folder) => rmSync(weights(folder))],
    ['truncated', /model\.safetensors: /, (folder) => truncateSync(weights(folder), 3000)],
    [
      'header longer than the file',
      /model\.safetensors: .*header/,
      (folder) => {
        const bytes = readFileSync(weights(folder));
        bytes.writeBigUInt64LE(1n << 30n);
        writeFileSync(weights(folder), bytes);
      },
    ],
    [
      'wrong dtype',
      /I32/,
      (folder) =>
        changeTensors(folder, (tensors) => {
          const { shape } = tensors.get('bert.pooler.dense.bias')!;
          tensors.set('bert.pooler.dense.bias', { dtype: 'I32', shape, data: new Int32Array(16) });
        }),
    ],
    [
      'a tensor that is missing',
      /bert\.encoder\.layer\.1\.output\.dense\.weight/,
      (folder) =>
        changeTensors(folder, (tensors) => void tensors.delete('bert.encoder.layer.1.output.dense.weight')),
    ],
    [
      'a tensor of another shape',
      /bert\.pooler\.dense\.bias.*16.*15|bert\.pooler\.dense\.bias.*15.*16/,
      (folder) => changeTensors(folder, (tensors) => void tensors.set('bert.pooler.dense.bias', f32([15]))),
    ],
    [
      'a weight that is no number',
      /model\.safetensors: tensor "bert\.pooler\.dense\.bias": expected finite .*found NaN at index 5 of 16/,
      (folder) => changeWeight(folder, 'bert.pooler.dense.bias', NaN),
    ],
    [
      'a weight that is infinite',
      /model\.safetensors: tensor "bert\.pooler\.dense\.weight": expected finite .*found -Infinity/,
      (folder) => changeWeight(folder, 'bert.pooler.dense.weight', -Infinity),
    ],
    [
      'another family',
      /config\.json.*albert/,
      (folder) => writeFileSync(join(folder, 'config.json'), '{"model_type":"albert"}'),
    ],
    [
      'a vocabulary larger than the table',
      /vocab\.txt: expected at most 13 tokens.*found 14/,
      (folder) => appendFileSync(join(folder, 'vocab.txt'), 'plums\n'),
    ],
    ['no tokenizer', /tokenizer/, (folder) => rmSync(join(folder, 'vocab.txt'))],
    ['a config that is no JSON', /config\.json/, (folder) => writeFileSync(join(folder, 'config.json'), '{')],
  ];
  it.each(cases)('%s', async (name, message, change) => {
    const folder = changed(name, () => {});
    if (name === 'no tokenizer') rmSync(join(folder, 'tokenizer_config.json'), { force: true });
    await change(folder);
    const error = await failure(train({ model: folder }));
    expect(error.message).toMatch(message);
    expect(error.message).toContain(folder);
    expect(error.exitStatus).toBe(1);
    expect(existsSync(out)).toBe(false);
  });

  it.each(['../no-such-model', 'owner/..', 'no such folder', 'a/b/c'])(
    'no folder and no Hub id: %s',
    async (model) => {
      const error = await failure(train({ model }));
      expect(error.message).toContain(JSON.stringify(model));
      expect(error.exitStatus).toBe(2);
      expect(existsSync(out)).toBe(false);
    },
  );

  it('a mistyped path into a folder that is here is not looked for on the Hub', async () => {
    const here = process.cwd();
    process.chdir(root);
    try {
      const error = await failure(train({ model: 'classify/nosuch' }));
      expect(error.message).toMatch(
        /^model "classify\/nosuch": the folder classify is here, and no nosuch in it/,
      );
      expect(error.exitStatus).toBe(2);
    } finally {
      process.chdir(here);
    }
  });

  it('no head where one is needed', async () => {
    const model = join(root, 'base');
    const data = { task: 'classify', data: join(root, 'classify') };
    const common = { model, ...data, out, settings: { maxLength: 16 } };
    const jobs = [
      () => evaluate({ model, ...data }, control),
      () => predict({ model, text: 'pears' }),
      () => exportModel({ model, to: 'onnx', out }, control),
      () => compress({ ...common, recipe: builtinRecipe('distil'), teacher: model }, control),
      () => compress({ ...common, recipe: builtinRecipe('distil'), dense: model }, control),
    ];
    for (const job of jobs) {
      const error = await failure(job());
      expect(error.message).toMatch(/head.*fine-tune it first/);
      expect(error.exitStatus).toBe(2);
    }
    expect(existsSync(out)).toBe(false);
  });
});

describe('data', () => {
  const cases: [string, RegExp, Record<string, string>][] = [
    [
      'a row with too few columns',
      /train\.tsv: line 3: expected 2 columns, found 1/,
      { 'train.tsv': 'text\tlabel\na\tx\nb\nc\ty\n' },
    ],
    ['an empty dev split', /dev\.tsv: expected at least one example/, { 'dev.tsv': 'text\tlabel\n' }],
    [
      'a label that train has not',
      /dev\.tsv: line 2: label bitter is not one of classify: sour, sweet/,
      { 'dev.tsv': 'text\tlabel\na\tbitter\n' },
    ],
    [
      'one label only',
      /at least two different labels, found sweet/,
      { 'train.tsv': 'text\tlabel\na\tsweet\n' },
    ],
    [
      'another column',
      /train\.tsv: expected a column "text", found "sentence", "label"/,
      { 'train.tsv': 'sentence\tlabel\na\tsweet\n' },
    ],
    ['two train files', /train\.csv, train\.tsv; keep one/, { 'train.csv': 'text,label\na,sweet\n' }],
  ];
  it.each(cases)('%s', async (name, message, files) => {
    const data = path('project', `data ${name}`);
    cpSync(join(root, 'classify'), data, { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(data, file), text);
    const error = await failure(train({ data }));
    expect(error.message).toMatch(message);
    expect(error.exitStatus).toBe(1);
    expect(existsSync(out)).toBe(false);
  });

  it('a task nobody knows', async () => {
    const error = await failure(train({ task: 'sst3' }));
    expect(error.message).toMatch(/unknown task sst3; expected one of .*sst2/);
    expect(error.exitStatus).toBe(2);
  });
});

describe('recipes that cannot run', () => {
  const method = (name: string, options: object = {}): object => ({ name, ...options });
  const first = { methods: [method('magnitude')] };
  const cases: [string, RegExp, object, object?][] = [
    [
      'names that match nothing, in a later stage',
      /no matrix of the model matches \/zzz\//,
      { stages: [first, { methods: [method('lock', { names: 'zzz' })] }] },
    ],
    [
      'names that are no pattern',
      /pattern "\(\(" is not a regular expression/,
      { stages: [first, { methods: [method('nip', { names: '((' })] }] },
    ],
    [
      'names of int8 layers that match nothing',
      /no linear layer of the model matches zzz/,
      { stages: [first, { methods: [method('quantise', { names: 'zzz' })] }] },
    ],
    [
      'names of an adapter that match nothing',
      /no tensor of embeddings and encoder matches \/zzz\//,
      { stages: [{ methods: [method('adapt', { names: 'zzz' })] }] },
    ],
    [
      'a warm-up beside which no decay is left',
      /rewinding: a warm-up of 3 steps and a pruning window of 3/,
      { stages: [{ methods: [method('prune-once')] }] },
      { steps: 5, warmup: 0.6 },
    ],
    [
      'two methods that set the rate',
      /two methods of this stage set the learning-rate schedule/,
      { stages: [first, { methods: [method('prune-once'), method('prune-once')] }] },
    ],
    ...['rpp', 'structured', 'magnitude'].map((name): [string, RegExp, object] => [
      `${name} beside lock`,
      new RegExp(`stages\\.1: found ${name} and lock in one stage`),
      { stages: [first, { methods: [method(name), method('lock')] }] },
    ]),
    [
      'a recipe of pre-training',
      /"objective": expected task or any for this command, found pretrain; run it by "espalier pretrain"/,
      { objective: 'pretrain', stages: [first] },
    ],
  ];
  it.each(cases)('%s: before anything is trained', async (_, message, recipe, settings = {}) => {
    const steps: string[] = [];
    const job = compress(
      {
        ...{ model: join(root, 'base'), task: 'classify', data: join(root, 'classify'), out, threads: 1 },
        settings: { steps: 4, batchSize: 8, maxLength: 16, ...settings },
        recipe: parseRecipe({ name: 'wrong', ...recipe }, 'wrong'),
      },
      { onEvent: ({ type }) => void steps.push(type), stopRequested: () => false },
    );
    const error = await failure(job);
    expect(error.message).toMatch(message);
    expect(error.exitStatus).toBe(2);
    expect(steps).not.toContain('step');
    expect(existsSync(out)).toBe(false);
  });

  it('an objective of tasks in pre-training', () => {
    const recipe = parseRecipe({ name: 'tasks', objective: 'task', stages: [{}] }, 'tasks');
    expect(() => stagesFor(recipe, 'pretrain')).toThrow(/found task; run it by "espalier compress"/);
    expect(stagesFor(recipe, 'finetune').stages).toHaveLength(1);
  });
});

describe('settings', () => {
  const cases: [string, RegExp, object][] = [
    [
      'more tokens than positions',
      /--max-length 25 is beyond the model's 24 positions/,
      { settings: { maxLength: 25 } },
    ],
    ['an unknown setting', /training.*speed/, { settings: { speed: 2 } }],
    ['a rate of zero', /training, option "lr"/, { settings: { lr: 0 } }],
    [
      'both --resume and --overwrite',
      /--resume and --overwrite exclude each other/,
      { resume: true, overwrite: true },
    ],
  ];
  it.each(cases)('%s', async (_, message, options) => {
    const error = await failure(train(options));
    expect(error.message).toMatch(message);
    expect(error.exitStatus).toBe(2);
    expect(existsSync(out)).toBe(false);
  });

  it('a loss that is not a number: the step and the rate', async () => {
    const error = await failure(
      train({
        settings: { steps: 40, batchSize: 8, maxLength: 16, lr: 1e30, warmup: 0 },
        out: path('diverged'),
      }),
    );
    expect(error.message).toMatch(/training diverged at step \d+: .* at learning rate .*; try a lower --lr/);
    expect(error.exitStatus).toBe(1);
    expect(existsSync(path('diverged', 'model.safetensors'))).toBe(false);
  });
});

describe('output', () => {
  it('a folder that is no run is not resumed and not replaced unasked', async () => {
    const model = join(root, 'base');
    const before = readFileSync(weights(model));
    expect((await failure(train({ out: model, resume: true }))).message).toMatch(
      /base holds .* and no run to resume/,
    );
    expect((await failure(train({ out: model }))).message).toMatch(/base already holds .*--overwrite/);
    expect(readFileSync(weights(model)).equals(before)).toBe(true);
  });

  it('inputs are read before --overwrite removes anything', async () => {
    const kept = path('kept');
    mkdirSync(kept);
    writeFileSync(join(kept, 'report.md'), 'results');
    await failure(train({ out: kept, overwrite: true, data: path('nowhere') }));
    expect(readFileSync(join(kept, 'report.md'), 'utf8')).toBe('results');
  });

  it('a file in the place of the folder', async () => {
    writeFileSync(path('file'), '');
    expect((await failure(train({ out: path('file') }))).message).toMatch(
      /file: .*expected a folder|file.*is a file/,
    );
    expect((await failure(train({ out: path('file', 'below') }))).message).toMatch(
      /part of the path is a file/,
    );
  });

  it('a full disk: names the file, and the run goes on once there is room', async () => {
    const disk = path('disk');
    const mounted = smallDisk(disk, '64k');
    if (!mounted) {
      console.warn('skipped "a full disk": a small file system cannot be mounted here');
      return;
    }
    try {
      const options = { checkpointEvery: 2, settings: { steps: 5, batchSize: 8, maxLength: 16 } };
      const error = await failure(train({ ...options, out: join(disk, 'run') }));
      expect(error.message).toMatch(/disk full while writing .*\nfree some space/);
      expect(error.exitStatus).toBe(1);
      expect(existsSync(join(disk, 'run', 'model.safetensors'))).toBe(false);
      mounted.resize('8m');
      await train({ ...options, out: join(disk, 'run'), resume: true });
      await train({ ...options, out: path('elsewhere') });
      expect(sha256(join(disk, 'run', 'model.safetensors'))).toBe(
        sha256(path('elsewhere', 'model.safetensors')),
      );
    } finally {
      mounted.unmount();
    }
  });
});
