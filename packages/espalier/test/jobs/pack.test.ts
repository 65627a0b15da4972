// Packed files through the jobs: compress writes one that is export's, scored by the runtime; gates end a run with what was
// written; evaluate and predict run in the runtime; what it does not compute is said.
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '@espalier/runtime';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EspalierError, UsageError } from '../../src/errors.js';
import { compress, type CompressOptions } from '../../src/jobs/compress.js';
import { evaluate } from '../../src/jobs/evaluate.js';
import { exportModel } from '../../src/jobs/export.js';
import { finetune } from '../../src/jobs/finetune.js';
import { inspect } from '../../src/jobs/inspect.js';
import { predict } from '../../src/jobs/predict.js';
import { saveCheckpoint } from '../../src/models/checkpoint.js';
import { withHead } from '../../src/models/task-model.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { setOptions } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import type { Report } from '../../src/report/report.js';
import { sha256, writeProject } from '../support/cli.js';
import { tinyFamily } from '../support/families.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const root = path('project');
const notes: string[] = [];
const control: RunControl = {
  onEvent(event) {
    if (event.type === 'note') notes.push(event.message);
  },
  stopRequested: () => false,
};
const data = { task: 'classify', data: join(root, 'classify'), threads: 1 };
const settings = { steps: 20, batchSize: 8, maxLength: 16, lr: 5e-3 };
const magnitude = (sparsity: number, pattern = 'unstructured') =>
  setOptions(builtinRecipe('magnitude'), [
    ['sparsity', sparsity],
    ['pattern', pattern],
  ]);

const run = (out: string, options: Partial<CompressOptions> = {}): Promise<Report> =>
  compress(
    { ...data, model: path('dense'), settings, recipe: magnitude(0.6), out: path(out), ...options },
    control,
  );
const reportOf = (out: string): Report =>
  JSON.parse(readFileSync(path(out, 'report.json'), 'utf8')) as Report;

beforeAll(async () => {
  await writeProject(root);
  await finetune({ ...data, model: join(root, 'base'), out: path('dense'), settings }, control);
});
beforeEach(() => {
  notes.length = 0;
});

describe('compress', () => {
  it('writes the file that export writes, scored by the runtime, beside the dense ones', async () => {
    const report = await run('sparse');
    const out = path('exported.espalier');
    const exported = await exportModel({ ...data, model: path('sparse'), to: 'pack', out }, control);
    const file = path('sparse', 'model.espalier');
    expect(sha256(file)).toBe(sha256(out));
    expect(report.bytes.packed).toBe(readFileSync(file).length);
    const scored = await evaluate({ ...data, model: file }, control);
    expect(report.metrics.packed).toEqual(scored.metrics);
    expect(exported.metrics).toEqual(scored.metrics);
    expect(report.packed).toMatchObject({
      ...{ kept: true, examples: 20, agreement: exported.agreement, size: exported.size },
      form: { values: 'int8', embeddings: 'int8' },
    });
    expect(report.packed!.runtime).toEqual(scored.runtime);
    expect(Object.keys(report.packed!.runtime.layers)).toEqual(['quads']);
    const text = readFileSync(path('sparse', 'report.md'), 'utf8');
    expect(text).toMatch(/^\| file \| bytes \| smaller \| accuracy \|$/m);
    expect(text).toMatch(/\| dense, float32 +\|.*1\.0x/);
    expect(text).toMatch(/\| dense, int8 \(ONNX, post-training\) +\|/);
    expect(text).toMatch(/\| model\.espalier \(quads; kernels \w+.*\) +\|.*\d\.\dx \| \d\.\d{4} \|/);
  });

  it('takes the options of export, and stores blocks where the pattern has them', async () => {
    const { packed } = await run('blocks', {
      ...{ recipe: magnitude(0.6, '1x4'), embeddings: '4bit', gate: 0 },
    });
    expect(Object.keys(packed!.runtime.layers)).toEqual(['int8']);
    const { tensors } = await inspect({ model: path('blocks', 'model.espalier') });
    const kinds = new Set(tensors.map(({ kind }) => kind));
    expect(kinds).toContain('sparse-1x4');
    expect(kinds).toContain('int4');
  });

  it('leaves it out where it is not wanted', async () => {
    const report = await run('none', { pack: false });
    expect(existsSync(path('none', 'model.espalier'))).toBe(false);
    expect(report.bytes).not.toHaveProperty('packed');
    expect(report).not.toHaveProperty('packed');
  });

  it('leaves it out of families that the runtime does not compute, and of adapters, and says so', async () => {
    const model = path('xlnet');
    await saveCheckpoint(model, tinyFamily('xlnet'));
    const { metrics } = await run('xlnet-out', {
      model,
      recipe: magnitude(0.5),
      settings: { ...settings, steps: 2 },
    });
    expect(metrics.compressed).toBeDefined();
    expect(existsSync(path('xlnet-out', 'model.espalier'))).toBe(false);
    expect(notes.at(-1)).toMatch(/^no packed file: the runtime does not compute this model .*found "xlnet"/);
    await run('adapter', { model: join(root, 'base'), recipe: builtinRecipe('adapt-random') });
    expect(notes.at(-1)).toMatch(/^no packed file: an adapter has its base beside it; --merge/);
  });
});

describe('an encoder without a head', () => {
  it('is packed for embeddings, without a gate, and without a tokenizer for ids alone', async () => {
    const model = path('headless');
    cpSync(join(root, 'base'), model, { recursive: true });
    for (const file of ['vocab.txt', 'tokenizer.json']) rmSync(join(model, file), { force: true });
    const out = path('headless.espalier');
    const { size, runtime } = await exportModel({ model, to: 'pack', out, threads: 1 }, control);
    expect(size!.bytes).toBe(readFileSync(out).length);
    expect(runtime!.layers).toEqual({ int8: 12 });
    expect(notes[0]).toMatch(
      /no tokenizer: calls with text will fail \(no-tokenizer\), those with ids work$/,
    );
    expect(notes[1]).toMatch(/no task head: nothing to decide and so no gate; it gives embeddings only$/);
    expect((await inspect({ model: out })).pack!.runtime).toEqual(runtime);
    const opened = await load(readFileSync(out));
    const [vector] = await opened.embedIds([{ ids: Int32Array.of(2, 6, 3), typeIds: new Uint8Array(3) }]);
    expect(vector).toHaveLength(16);
    expect(vector!.every(Number.isFinite)).toBe(true);
    await expect(opened.embed('the pears')).rejects.toMatchObject({ code: 'no-tokenizer' });
    opened.dispose();
  });

  it('takes text where it has a tokenizer', async () => {
    const out = path('texts.espalier');
    await exportModel({ model: join(root, 'base'), to: 'pack', out, threads: 1 }, control);
    const opened = await load(readFileSync(out));
    expect((await opened.embed('the pears')).vector).toHaveLength(16);
    opened.dispose();
  });

  it('is nothing for other formats, nor for a task', async () => {
    const options = { model: join(root, 'base'), threads: 1 };
    await expect(exportModel({ ...options, to: 'hf', out: path('hf') }, control)).rejects.toThrow(
      /no task head; fine-tune it first, or write it for embeddings with --to pack/,
    );
    await expect(
      exportModel({ ...options, ...data, to: 'pack', out: path('task.espalier') }, control),
    ).rejects.toThrow(/no head for task "classify": expected 2 outputs, found none/);
  });
});

describe('a finished run that is resumed', () => {
  it('names what it was asked for and does not have, with commands that write it', async () => {
    const out = path('bare');
    await run('bare', { pack: false });
    notes.length = 0;
    await run('bare', { resume: true, onnx: true, values: 'f16', maxDrop: 90 });
    expect(notes).toEqual([
      `${out} is finished; nothing is left to resume`,
      `--onnx: the run ended without ${out}/onnx/model.onnx; write it with ` +
        `"espalier export ${out} --to onnx --out ${out}/onnx/model.onnx"`,
      `--onnx: the run ended without ${out}/onnx/model_quantized.onnx; write it with ` +
        `"espalier export ${out} --to onnx-int8 --out ${out}/onnx/model_quantized.onnx"`,
      `${out}/model.espalier was not written; for what is asked now: "espalier export ${out} --to pack ` +
        `--values f16 --embeddings int8 --out ${out}/model.espalier"`,
      `--max-drop 90: judged when a run ends, and not again; see ${out}/report.md`,
    ]);
    await exportModel({ model: out, to: 'onnx', out: join(out, 'onnx', 'model.onnx') }, control);
    await exportModel(
      { model: out, to: 'onnx-int8', out: join(out, 'onnx', 'model_quantized.onnx') },
      control,
    );
    await exportModel({ model: out, to: 'pack', values: 'f16', out: join(out, 'model.espalier') }, control);
    notes.length = 0;
    await run('bare', { resume: true, onnx: true });
    expect(notes).toEqual([`${out} is finished; nothing is left to resume`]);
  });

  it('says that its packed file has another form than the one asked for', async () => {
    await run('formed');
    notes.length = 0;
    await run('formed', { resume: true, pack: false, values: 'f16' });
    expect(notes).toHaveLength(1);
    await run('formed', { resume: true, values: 'f16' });
    expect(notes.at(-1)).toContain('was packed with values int8, embeddings int8; for what is asked now: ');
    expect(notes.at(-1)).toMatch(/--values f16 --embeddings int8 --out .*model\.espalier --overwrite"$/);
  });
});

describe('a gate that is not met', () => {
  // Nearly all weights are gone after one step: it guesses, and the dense model does not.
  const broken = { recipe: magnitude(0.99), settings: { ...settings, steps: 1 } };

  it('ends the run once all but the file is written, and again when it is resumed', async () => {
    const failing = run('dropped', { ...broken, maxDrop: 5 });
    await expect(failing).rejects.toThrow(EspalierError);
    await expect(failing).rejects.toThrow(
      /dropped\/model\.espalier was not written: the packed file: accuracy is \d+\.00 and that of the dense model \d+\.00, \d+\.00 points less, expected at most 5 \(--max-drop\); keep more of the values with --values or --embeddings, ask for less with --max-drop, or --keep it; the rest of the run is written; "espalier export .*dropped --to pack" packs it/,
    );
    expect(existsSync(path('dropped', 'model.safetensors'))).toBe(true);
    expect(existsSync(path('dropped', 'model.espalier'))).toBe(false);
    const report = reportOf('dropped');
    expect(report.packed?.kept).toBe(false);
    expect(report.failure).toMatch(/expected at most 5/);
    expect(report.bytes).not.toHaveProperty('packed');
    expect(readFileSync(path('dropped', 'report.md'), 'utf8')).toMatch(/\| its gate +\| .*was not written/);
    await expect(run('dropped', { ...broken, maxDrop: 5, resume: true })).rejects.toThrow(/at most 5/);
  });

  it('keeps the file where that was asked, and fails all the same', async () => {
    await expect(run('kept', { ...broken, maxDrop: 5, keep: true })).rejects.toThrow(
      /model\.espalier failed its gate and was kept: the packed file/,
    );
    expect(readFileSync(path('kept', 'model.espalier'))).toHaveLength(reportOf('kept').bytes.packed!);
  });

  it('is about the model where there is no file', async () => {
    await expect(run('unpacked', { ...broken, pack: false, maxDrop: 5 })).rejects.toThrow(
      /^the compressed model: accuracy is/,
    );
  });

  it.each([
    [{ maxDrop: 1, dense: null }, /--max-drop 1: there is no dense model/],
    [{ maxDrop: -1 }, /option "maxDrop"/],
    [{ gate: 2 }, /option "gate"/],
    [{ values: 'int2' as 'int8' }, /option "values"/],
  ])('%j is wrong usage', async (options, message) => {
    const wrong = run('wrong', options);
    await expect(wrong).rejects.toThrow(UsageError);
    await expect(wrong).rejects.toThrow(message);
  });
});

describe('the runtime', () => {
  const text = 'the pears were very sour';

  it('scores and predicts, in every form', async () => {
    const model = path('sparse', 'model.espalier');
    const folder = await evaluate({ ...data, model: path('sparse') }, control);
    expect(folder).not.toHaveProperty('runtime');
    const losses: number[] = [];
    for (const form of ['f32', 'q15', 'int8'] as const) {
      const { metrics, runtime } = await evaluate({ ...data, model, form }, control);
      expect(runtime).toMatchObject({ form, layers: { [form === 'int8' ? 'quads' : form]: 12 } });
      expect(runtime!.levels['f32']).toMatch(/^(dot|relaxed)$/); // Node 20 wants a flag for it
      expect(metrics.loss).toBeCloseTo(folder.metrics.loss, 1);
      losses.push(metrics.loss);
    }
    expect(new Set(losses).size).toBe(3); // each rounds in its own way
    const predicted = await predict({ model, text });
    expect(predicted.label).toBe((await predict({ model: path('sparse'), text })).label);
    expect(predicted.runtime).toMatchObject({ form: 'auto', layers: { quads: 12 } });
  });

  it('says of a second text that the model was trained on one', async () => {
    for (const model of [path('sparse', 'model.espalier'), path('dense')]) {
      await predict({ model, text }, control);
      expect(notes).toEqual([]);
      await predict({ model, text, pair: 'not sour' }, control);
      expect(notes.splice(0)).toEqual([
        expect.stringMatching(/trained on one text \(classify\), unless .* --pair-field: with --pair it/),
      ]);
    }
  });

  it('does not compute every family: its pack is decoded, which is said; a form cannot be asked for', async () => {
    const folder = path('xlnet-head');
    const of = { name: 'classify', kind: 'classification', labels: ['sour', 'sweet'], metrics: [] } as const;
    await saveCheckpoint(folder, withHead(tinyFamily('xlnet'), { ...of, metrics: ['accuracy'] }, 1));
    const model = path('xlnet.espalier');
    const written = await exportModel({ ...data, model: folder, to: 'pack', out: model, gate: 0 }, control);
    expect(written.refused).toMatch(/found "xlnet"/);
    expect(notes.at(-1)).toMatch(/^the runtime does not compute .*it was compared by decoding it$/);
    const scored = await evaluate({ ...data, model }, control);
    expect(scored).not.toHaveProperty('runtime');
    expect(scored.metrics).toEqual(written.metrics);
    expect(notes.at(-1)).toMatch(/it is decoded and runs as float32$/);
    const asked = evaluate({ ...data, model, form: 'q15' }, control);
    await expect(asked).rejects.toThrow(UsageError);
    await expect(asked).rejects.toThrow(/--form q15: the runtime does not compute .*xlnet/);
    expect((await inspect({ model })).pack!.refused).toMatch(/found "xlnet"/);
    await expect(predict({ model: path('dense'), text, form: 'int8' })).rejects.toThrow(
      /--form int8 is for packed files/,
    );
  });

  it('is told of by inspect, with what the bytes are for', async () => {
    const { pack } = await inspect({ model: path('sparse', 'model.espalier') });
    const { packed } = reportOf('sparse');
    expect(pack).toEqual({ size: packed!.size, runtime: packed!.runtime });
    expect(await inspect({ model: path('sparse') })).not.toHaveProperty('pack');
  });

  it('names a file that is broken', async () => {
    const bytes = readFileSync(path('sparse', 'model.espalier'));
    bytes[bytes.length - 20]! ^= 1;
    writeFileSync(path('broken.espalier'), bytes);
    await expect(evaluate({ ...data, model: path('broken.espalier') }, control)).rejects.toThrow(
      /broken\.espalier: .*checksum/,
    );
  });
});
