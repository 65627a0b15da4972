// Commands that use a model: evaluate, predict, export, inspect, methods, and what all commands have in common.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { recipeSchema } from '../../src/recipe/recipe.js';
import { classify, espalier, espalierJson, sha256, start, writeProject } from '../support/cli.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const own = ['--task', 'classify', '--data', 'classify'];

type Metrics = Record<string, number>;

beforeAll(async () => {
  await writeProject(root);
  const common = ['--steps', '12', '--quiet'];
  const pairs = classify.with(3, 'pairs').with(5, 'pairs');
  const regress = [...classify.with(3, 'regress').with(5, 'regress'), '--text-field', 'sentence'];
  const made = await Promise.all([
    espalier(root, 'finetune', ...classify, ...common, '--out', 'model', '--onnx'),
    espalier(root, 'finetune', ...pairs, ...common, '--out', 'pair-model'),
    espalier(root, 'finetune', ...regress, '--label-field', 'value', ...common, '--out', 'score-model'),
  ]);
  expect(made.map(({ status, stderr }) => [status, stderr])).toEqual(made.map(() => [0, '']));
});

describe('evaluate', () => {
  it('scores directory and ONNX file alike, as report.json has it', async () => {
    const report = JSON.parse(readFileSync(path('project', 'model', 'report.json'), 'utf8')) as {
      metrics: { dense: Metrics };
    };
    const folder = await espalierJson(root, 'evaluate', 'model', ...own);
    expect(folder).toEqual({ model: 'model', task: 'classify', rows: 20, metrics: report.metrics.dense });
    const onnx = await espalierJson(root, 'evaluate', 'model/onnx/model.onnx', ...own);
    const scores = onnx['metrics'] as Metrics;
    expect(scores['accuracy']).toBe(report.metrics.dense['accuracy']);
    expect(scores['loss']).toBeCloseTo(report.metrics.dense['loss']!, 5);
  });

  it('runs on whatever device there is', async () => {
    const { status, stdout } = await espalier(root, 'evaluate', 'model', ...own, '--device', 'auto');
    expect(status).toBe(0);
    expect(stdout).toContain('classify, 20 dev examples');
  });
});

describe('predict', () => {
  it('gives the probabilities of a text, an empty one too', async () => {
    for (const text of ['the pears were sour', '']) {
      const { label, scores } = (await espalierJson(root, 'predict', 'model', '--text', text)) as {
        label: string;
        scores: Metrics;
      };
      expect(Object.keys(scores)).toEqual(['sour', 'sweet']);
      expect(scores['sour']! + scores['sweet']!).toBeCloseTo(1, 6);
      expect(scores[label]).toBe(Math.max(...Object.values(scores)));
    }
  });

  it('gives a pair its class and a regression its score', async () => {
    const pair = ['--text', 'the pears', '--pair', 'not sweet'];
    const { stdout, stderr } = await espalier(root, 'predict', 'pair-model', ...pair);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^(sour|sweet)\n {2}sour {2}0\.\d{4}\n {2}sweet {2}0\.\d{4}\n$/);
    const score = await espalierJson(root, 'predict', 'score-model', '--text', 'the pears were sour');
    expect(score).toEqual({ label: 'score', scores: { score: expect.any(Number) as number } });
  });
});

describe('export', () => {
  it('writes the two formats, checks them, and scores them with --task', async () => {
    const onnx = await espalierJson(
      root,
      ...['export', 'model', '--to', 'onnx', '--out', 'exported/onnx/model.onnx', ...own],
    );
    expect(onnx['largestDifference']).toBeLessThan(1e-4);
    const evaluated = await espalierJson(root, 'evaluate', 'model/onnx/model.onnx', ...own);
    expect(onnx['metrics']).toEqual(evaluated['metrics']);
    expect(sha256(path('project', 'exported', 'onnx', 'model.onnx'))).toBe(
      sha256(path('project', 'model', 'onnx', 'model.onnx')),
    );
    const folder = await espalierJson(root, 'export', 'model', '--to', 'hf', '--out', 'exported/hf', ...own);
    expect(folder).toMatchObject({
      largestDifference: 0,
      metrics: { accuracy: expect.any(Number) as number },
    });
    expect(sha256(path('project', 'exported', 'hf', 'model.safetensors'))).toBe(
      sha256(path('project', 'model', 'model.safetensors')),
    );
  });

  it('writes a pack, checks it, scores it, and reads it back', async () => {
    const out = 'exported/model.espalier';
    const scored = await espalierJson(root, 'export', 'model', '--to', 'pack', '--out', out, ...own);
    expect(scored).toMatchObject({
      out,
      agreement: 1,
      examples: 20,
      size: { bytes: expect.any(Number) as number },
    });
    const evaluated = await espalierJson(root, 'evaluate', out, ...own);
    expect(evaluated['metrics']).toEqual(scored['metrics']);
    const text = ['--text', 'the pears were sour'];
    const predicted = await espalier(root, 'predict', out, ...text, '--form', 'f32');
    expect(predicted.stdout).toMatch(
      /^(sour|sweet)\n[^]*^runtime: form f32, dense \(12 matrices\); kernels (dot|relaxed)$/m,
    );
    const inspected = await espalier(root, 'inspect', out);
    expect(inspected.stdout).toMatch(/^encoder, values +\d/m);
    expect(inspected.stdout).toMatch(/^runtime: form auto, int8 \(12 matrices\); kernels (dot|relaxed)$/m);
    expect(inspected.stdout).toMatch(/query\.weight +\d+ x \d+ +\d+\.\d % +(\d+\.\d % +)?int8 +\d/);
    const args = ['export', 'model', '--to', 'pack', '--out', 'model.pack'];
    expect((await espalier(root, ...args)).stderr).toContain('expected a name that ends with .espalier');
    const onnx = ['export', 'model', '--to', 'onnx', '--out', 'x.onnx', '--values', 'f16'];
    expect((await espalier(root, ...onnx)).stderr).toContain(
      '--values belongs to --to pack, found --to onnx',
    );
  });

  it('writes int8, checks it, scores it, and reads it back', async () => {
    const out = 'exported/int8/model.onnx';
    const scored = await espalierJson(root, 'export', 'model', '--to', 'onnx-int8', '--out', out, ...own);
    expect(scored).toMatchObject({ out, agreement: 1, examples: 20 });
    expect(sha256(path('project', out))).toBe(
      sha256(path('project', 'model', 'onnx', 'model_quantized.onnx')),
    );
    const file = 'model/onnx/model_quantized.onnx';
    const evaluated = await espalierJson(root, 'evaluate', file, ...own);
    expect(evaluated['metrics']).toEqual(scored['metrics']);
    const text = ['--text', 'the pears were sour'];
    const [of8, of32] = (await Promise.all(
      [file, 'model'].map((model) => espalierJson(root, 'predict', model, ...text)),
    )) as { label: string; scores: Metrics }[];
    expect(of8!.label).toBe(of32!.label);
    expect(of8!.scores['sour']).toBeCloseTo(of32!.scores['sour']!, 1);
    expect(of8!.scores).not.toEqual(of32!.scores);
  });

  it('says whose scales an int8 file has and what its gate saw', async () => {
    const int8 = ['export', 'model', '--to', 'onnx-int8', '--overwrite', '--out', 'int8.onnx'];
    const dynamic = await espalier(root, ...int8);
    expect(dynamic.status).toBe(0);
    expect(dynamic.stderr).toContain('post-training int8, dynamic');
    expect(dynamic.stderr).toContain('512 examples of random ids; name --task and --data');
    expect(dynamic.stdout).toMatch(/int8\.onnx: largest difference of a logit .*\n\d+\.\d % of 512 examples/);
    const fixed = await espalier(root, ...int8, '--int8', 'static', ...own);
    expect(fixed.status).toBe(0);
    expect(fixed.stderr).toContain('static: ranges of 40 training examples');
    expect(fixed.stderr).toContain('compared on 20 examples, all there are in dev; 512 are wanted');
    expect(await espalier(root, ...int8, '--int8', 'static')).toMatchObject({ status: 2 });
    expect(await espalier(root, ...int8.with(3, 'onnx'), '--int8', 'static')).toMatchObject({ status: 2 });
  });

  it('replaces nothing unasked', async () => {
    writeFileSync(path('project', 'taken.onnx'), 'notes');
    const args = ['export', 'model', '--to', 'onnx', '--out', 'taken.onnx'];
    const refused = await espalier(root, ...args);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toBe(
      'espalier: taken.onnx is already there; replace it with --overwrite or name another --out\n',
    );
    expect(readFileSync(path('project', 'taken.onnx'), 'utf8')).toBe('notes');
    expect((await espalier(root, ...args, '--overwrite')).status).toBe(0);
  });

  it('a text file that claims to be ONNX is an error, not a stack trace', async () => {
    copyFileSync(path('project', 'model', 'onnx', 'model.onnx'), path('project', 'kept'));
    writeFileSync(path('project', 'model', 'onnx', 'model.onnx'), 'not ONNX at all');
    const { status, stderr } = await espalier(root, 'evaluate', 'model/onnx/model.onnx', ...own);
    renameSync(path('project', 'kept'), path('project', 'model', 'onnx', 'model.onnx'));
    expect(status).toBe(1);
    expect(stderr).toMatch(/^espalier: model\/onnx\/model.onnx: ONNX Runtime cannot open it: .*\n$/);
  });
});

describe('inspect and methods', () => {
  it('inspect: bytes and zeros by component', async () => {
    const folder = await espalierJson(root, 'inspect', 'model');
    expect(folder).toMatchObject({ format: 'hf', family: 'bert', sparsity: { encoder: 0 } });
    const { stdout } = await espalier(root, 'inspect', 'model', '--tensors');
    expect(stdout).toContain('bert.encoder.layer.1.output.dense.weight');
    const onnx = await espalierJson(root, 'inspect', 'model/onnx/model.onnx');
    expect(onnx).toMatchObject({
      format: 'onnx',
      inputs: ['input_ids', 'token_type_ids', 'attention_mask'],
      outputs: ['logits'],
    });
  });

  it('inspect: patterns of a sparse model, and its embeddings against others', async () => {
    const model = await loadCheckpoint(path('project', 'model'));
    const sparse = /(0.*query|1.*key)\.weight$/;
    for (const [name, { data }] of model.tensors) {
      if (sparse.test(name)) for (let i = 0; i < data.length; i += 3) data[i] = 0;
    }
    await saveCheckpoint(path('project', 'sparse'), model);
    const found = await espalierJson(root, 'inspect', 'sparse', '--against', 'model');
    const patterns = found['patterns'] as { name: string; rowRatio: number }[];
    expect(patterns.map(({ name }) => name)).toEqual(
      [...model.tensors.keys()].filter((name) => sparse.test(name)),
    );
    expect(patterns[0]!.rowRatio).toBeLessThan(1); // zeros at equal distances are more even than chance
    expect(found['against']).toMatchObject({ path: 'model' });

    const { stdout } = await espalier(root, 'inspect', 'sparse', '--against', 'sparse');
    expect(stdout).toMatch(/layer\.0\.attention\.self\.query\.weight +66\.\d %( +\d+\.\d\d){3}\n/);
    expect(stdout).toContain('word embeddings: 100.0 % of the');
    const dense = await espalierJson(root, 'inspect', 'model');
    expect(dense).not.toHaveProperty('patterns');
    expect(dense).not.toHaveProperty('against');
    const { status, stderr } = await espalier(root, 'inspect', 'model/onnx/model.onnx', '--against', 'model');
    expect([status, stderr]).toEqual([2, expect.stringContaining('an ONNX file is not compared')]);
  });

  it('methods: every recipe is valid, every option has a source', async () => {
    const { methods, recipes } = (await espalierJson(root, 'methods')) as {
      methods: { name: string; provenance: object; options: { properties?: object } }[];
      recipes: unknown[];
    };
    for (const { provenance, options } of methods) {
      expect(Object.keys(provenance).sort()).toEqual(Object.keys(options.properties ?? {}).sort());
    }
    for (const recipe of recipes) expect(recipeSchema.safeParse(recipe).success).toBe(true);
    const { stdout } = await espalier(root, 'methods');
    for (const { name } of methods) expect(stdout).toContain(`${name}: `);
  });
});

it('ONNX Runtime leaves no files of telemetry', async () => {
  const temporary = path('temporary');
  mkdirSync(temporary);
  const env = { ...process.env, TMPDIR: temporary, ORT_DISABLE_TELEMETRY: undefined }; // the user has set none
  const { outcome } = start(root, ['evaluate', 'model', ...own], [], env);
  expect(await outcome).toMatchObject({ status: 0 });
  expect(readdirSync(temporary)).toEqual([]);
});

describe('every command', () => {
  it.each([
    'demo',
    'pretrain',
    'finetune',
    'compress',
    'evaluate',
    'predict',
    'export',
    'inspect',
    'methods',
  ])('%s has help on stdout and exit status 0', async (name) => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    const status = await main([name, '--help']);
    const text = write.mock.calls.map(([chunk]) => String(chunk)).join('');
    write.mockRestore();
    expect(status).toBe(0);
    expect(text).toContain(`Usage: espalier ${name}`);
    expect(text).toContain('--json');
  });

  it('ends with 2 for a wrong request and 1 for work that failed, nothing on stdout', async () => {
    writeFileSync(path('project', 'empty.yaml'), '');
    writeFileSync(
      path('project', 'typo.yaml'),
      '{ name: typo, stages: [{ methods: [{ name: magnitude, sparsty: 0.5 }] }] }',
    );
    const [typo, empty] = ['typo.yaml', 'empty.yaml'].map((recipe) => [
      ...['compress', ...classify, '--out', 'x', '--recipe', recipe],
    ]) as [string[], string[]];
    const train = ['finetune', ...classify, '--out', 'x'];
    const cases: [number, RegExp, string[]][] = [
      [2, /unknown command 'prune'/, ['prune']],
      [2, /unknown option '--sparse'/, ['methods', '--sparse', '1']],
      [2, /--device.*npu.*cpu, webgpu/, ['methods', '--seed', '1', '--threads', '2', '--device', 'npu']],
      [2, /required option '--model <dir>' not specified/, ['finetune']],
      [2, /'two'.*expected a whole number/, ['finetune', ...classify, '--out', 'x', '--steps', 'two']],
      [2, /"threads" \(--threads\): .*more than 0, found 0/, ['evaluate', 'model', ...own, '--threads', '0']],
      [2, /\(--threads\): .* at most 256, found 999/, ['evaluate', 'model', ...own, '--threads', '999']],
      [2, /\(--seed\): .* at most 4294967295, found 4294967296/, [...train, '--seed', '4294967296']],
      [2, /\(--max-length\): .* at least 3, found 1/, [...train, '--max-length', '1']],
      [2, /\(--eval-every\): .* more than 0, found 0/, [...train, '--eval-every', '0']],
      [2, /see "espalier finetune --help"/, ['finetune', '--what']],
      [2, /gate.*'99.5'.*from 0 to 1/, ['export', 'model', '--to', 'pack', '--out', 'x', '--gate', '99.5']],
      [2, /'0'.*both ends excluded/, [...train, '--sparsity', '0'].with(0, 'compress')],
      [2, /^espalier: recipe typo\.yaml: method "magnitude", options: unknown key "sparsty"/, typo],
      [2, /^espalier: recipe empty\.yaml: expected an object with "name".*, found null/, empty],
      [2, /--device.*npu.*cpu, webgpu, cuda, auto/, ['evaluate', 'model', ...own, '--device', 'npu']],
      [2, /--task alone says too little/, ['export', 'model', '--to', 'hf', '--out', 'x', '--task', 'sst2']],
      [1, /no train split for classify: .* in nowhere/, ['evaluate', 'model', ...own.with(3, 'nowhere')]],
    ];
    const outcomes = await Promise.all(cases.map(([, , args]) => espalier(root, ...args)));
    for (const [index, { status, stdout, stderr }] of outcomes.entries()) {
      const [expected, message] = cases[index]!;
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/\n\s+at /); // no stack trace
      expect({ status, stdout }).toEqual({ status: expected, stdout: '' });
    }
    expect(existsSync(path('project', 'x'))).toBe(false);
  });

  it('shows a stack trace with --debug', async () => {
    const { status, stderr } = await espalier(
      root,
      'evaluate',
      'model',
      ...own.with(3, 'nowhere'),
      '--debug',
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(/\n\s+at /);
  });
});
