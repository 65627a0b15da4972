// Layer dropping from end to end on the garden language: every strategy from a pre-trained or a fine-tuned model to a
// smaller folder, its report and its ONNX files; a student distilled from the dense teacher; pre-training.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { gardenConfig, gardenTask, gardenTokenizerFiles } from '../../src/data/garden/garden.js';
import { compress, compressLoaded, compressSchema } from '../../src/jobs/compress.js';
import { exportModel } from '../../src/jobs/export.js';
import { inspect } from '../../src/jobs/inspect.js';
import { pretrain } from '../../src/jobs/pretrain.js';
import { parseOptions, tokenizeRun } from '../../src/jobs/task-run.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/models/checkpoint.js';
import { randomBert } from '../../src/models/initialise.js';
import type { Model } from '../../src/models/model.js';
import { withHead } from '../../src/models/task-model.js';
import { builtinRecipe } from '../../src/recipe/builtin.js';
import { parseRecipe, type Recipe, setOption } from '../../src/recipe/recipe.js';
import type { RunControl } from '../../src/recipe/run.js';
import type { Report } from '../../src/report/report.js';
import { classify, espalier, writeProject } from '../support/cli.js';
import { tinyFamily } from '../support/families.js';
import { temporaryFolder } from '../support/temporary.js';

const path = temporaryFolder();
const data = gardenTask('sentiment', 1, { train: 48, dev: 24 });
const size = { hidden_size: 32, num_hidden_layers: 4, num_attention_heads: 2, intermediate_size: 64 };
const base = randomBert({ ...gardenConfig(), ...size, initializer_range: 0.15 }, 1, gardenTokenizerFiles());
const settings = { steps: 2, batchSize: 8, lr: 1e-3, maxLength: 32 };
const silent: RunControl = { onEvent: () => {}, stopRequested: () => false };

/** Compresses `base`, or the model in a folder, into the folder `out`. */
async function compressed(
  out: string,
  recipe: Recipe,
  more: object = {},
  { from = base, control = silent }: { readonly from?: Model; readonly control?: RunControl } = {},
): Promise<Report> {
  const loaded = tokenizeRun(from, data, { seed: 1, maxLength: 32 }, control);
  const options = {
    task: 'sentiment',
    data: 'garden',
    model: from.source,
    threads: 1,
    dense: null,
    settings,
  };
  return compressLoaded(
    loaded,
    parseOptions(compressSchema, { ...options, recipe, out: path(out), ...more }, 'test'),
    control,
  );
}

describe.each([
  ['top', [3, 4]],
  ['bottom', [1, 2]],
  ['even', [2, 4]],
  ['odd', [1, 3]],
  ['symmetric', [2, 3]],
  ['contribution', undefined],
])('drop-%s', (strategy, layers) => {
  it('writes a smaller model and says what went', async () => {
    const report = await compressed(strategy, builtinRecipe(`drop-${strategy}`));
    const model = await loadCheckpoint(path(strategy));
    expect(model.config.num_hidden_layers).toBe(2);
    const found = report.surgery!['droppedLayers']!;
    if (layers) expect(found).toEqual(layers);
    else expect(found).toHaveLength(2);
    const scores = report.surgery!['contributions'];
    expect(scores?.length).toBe(layers ? undefined : 4);

    const { total, nonzero, encoder, before } = report.parameters;
    const numbers = [...model.tensors.values()].reduce((sum, { data: { length } }) => sum + length, 0);
    expect([total, encoder]).toEqual([numbers, before!.encoder / 2]);
    expect(before!.total - total).toBe(encoder);
    expect(nonzero).toBeGreaterThan(0.95 * total); // biases begin at zero, and two steps move them
    expect(report.sparsity).toMatchObject({ target: 0.5, encoder: 0 });
    expect(Object.keys(report.sparsity.matrices)).toHaveLength(12);
    expect(report.bytes.denseF32).toBeLessThan(4 * total + 10_000);
    const page = readFileSync(path(strategy, 'report.md'), 'utf8');
    expect(page).toContain(`| dropped layers | ${found.join(', ')} |`);
    expect(page).toMatch(/^\| parameters before \| [\d,]+: now \d+\.\d % fewer, in the layers 50\.0 % \|$/m);
    expect(page).toContain('times as many parameters');
    expect(JSON.parse(readFileSync(path(strategy, 'report.json'), 'utf8'))).toEqual(report);
  });
});

/** The recipe of the docs page for a distilled student. */
const page = readFileSync(new URL('../../../../docs/methods/layer-dropping.md', import.meta.url), 'utf8');
const halfDepth = parseRecipe(parse(/```yaml\n([^`]+)```/.exec(page)![1]!), 'half.yaml');

describe('a smaller model', () => {
  it('is inspected, exported to ONNX in float32 and int8, and scored as the folder is', async () => {
    const report = await compressed('onnx', builtinRecipe('drop-top'), { onnx: true });
    expect(Object.keys(report.metrics)).toEqual(['compressed', 'onnxInt8', 'packed']);
    expect(report.bytes.onnxInt8).toBeGreaterThan(0);
    const { parameters, components } = await inspect({ model: path('onnx') });
    expect(parameters).toEqual({
      ...{ total: report.parameters.total, encoder: report.parameters.encoder, layers: 2 },
    });
    expect(components.find(({ component }) => component === 'feed-forward out')!.parameters).toBe(
      2 * 32 * 64,
    );
    for (const to of ['onnx', 'onnx-int8'] as const) {
      const options = { model: path('onnx'), to, out: path(`exported.${to}`), threads: 1 };
      const { largestDifference, agreement } = await exportModel(options, silent);
      if (to === 'onnx') expect(largestDifference).toBeLessThan(1e-4);
      else expect(agreement).toBeGreaterThanOrEqual(0.995);
    }
  });

  it('comes from a fine-tuned one too, which it is compared with: drop after fine-tuning', async () => {
    await saveCheckpoint(path('finetuned'), withHead(base, data.task, 1));
    const from = await loadCheckpoint(path('finetuned'));
    const report = await compressed('ft', builtinRecipe('drop-top'), { dense: undefined }, { from });
    expect(report.metrics.dense).toBeDefined();
    expect(report.parameters.before!.total).toBe(
      [...from.tensors.values()].reduce((sum, { data: { length } }) => sum + length, 0),
    );
    // The head went on from where it was: two steps at this rate move it little.
    const [before, after] = [from, await loadCheckpoint(path('ft'))].map(
      ({ tensors }) => tensors.get('classifier.weight')!.data,
    );
    expect(Math.max(...before!.map((value, i) => Math.abs(value - after![i]!)))).toBeLessThan(5e-3);
    expect(readFileSync(path('ft', 'report.md'), 'utf8')).toContain('dense int8');
  });

  it('is distilled from the dense model: a student of half the depth', async () => {
    const report = await compressed('student', halfDepth, { dense: undefined });
    expect(report.surgery).toEqual({ droppedLayers: [1, 3] });
    const lines = readFileSync(path('student', 'metrics.jsonl'), 'utf8').trim().split('\n');
    const terms = lines.map((line) => (JSON.parse(line) as { terms: Record<string, number> }).terms);
    expect(terms.map((of) => Object.keys(of))).toEqual([
      ['task', 'distil'],
      ['task', 'distil'],
    ]);
    expect(terms[0]!['distil']).toBeGreaterThan(0); // the teacher has four layers
  });

  describe('goes on in pre-training', () => {
    /** One run on sixty lines, from `base`. */
    async function pretrained(out: string, recipe: Recipe, onEvent: RunControl['onEvent']): Promise<Report> {
      await saveCheckpoint(path(out, 'init'), base);
      const lines = Array.from(
        { length: 60 },
        (_, i) => `the pears were ${'very '.repeat(i % 4)}sweet . not sour .`,
      );
      writeFileSync(path(out, 'story.txt'), lines.join('\n'));
      const training = { settings: { steps: 2, batchSize: 4, maxLength: 16 }, threads: 1 };
      const text = { corpus: [path(out, 'story.txt')], heldFraction: 0.3 };
      const folders = { init: path(out, 'init'), out: path(out, 'run') };
      return pretrain(
        { ...text, ...training, ...folders, documents: 'line', recipe },
        { onEvent, stopRequested: () => false },
      );
    }

    it('by scores on held-out text', async () => {
      const notes: string[] = [];
      const recipe = setOption(builtinRecipe('drop-contribution'), 'layers', 1);
      const report = await pretrained('scored', recipe, (event) => {
        if (event.type === 'note') notes.push(event.message);
      });
      expect(report.surgery!['contributions']).toHaveLength(4);
      expect(report.sparsity.target).toBe(0.25);
      const { config } = await loadCheckpoint(path('scored', 'run'));
      expect(config).toMatchObject({ num_hidden_layers: 3, architectures: ['BertForPreTraining'] });
      expect(notes.some((note) => /^dropped layers \d of 4$/.test(note))).toBe(true);
    });

    it('distilled from the whole model', async () => {
      const terms: string[][] = [];
      const report = await pretrained('distilled', halfDepth, (event) => {
        if (event.type === 'step') terms.push(Object.keys(event.result.terms));
      });
      expect(report.surgery).toEqual({ droppedLayers: [1, 3] });
      expect(terms[0]).toEqual([
        'mlm',
        'nsp',
        expect.stringMatching(/^distil/),
        expect.stringMatching(/^distil/),
      ]);
      expect(report.parameters.encoder).toBe(report.parameters.before!.encoder / 2);
    });
  });
});

describe('another family', () => {
  const root = path('families');
  beforeAll(() => writeProject(root));

  it.each(['distilbert', 'roberta', 'electra'] as const)(
    '%s loses the layer that does least',
    async (name) => {
      await saveCheckpoint(path(name), tinyFamily(name));
      const report = await compress(
        {
          ...{ model: path(name), task: 'classify', data: `${root}/classify`, out: path(`${name}-out`) },
          ...{ recipe: builtinRecipe('drop-contribution'), settings: { ...settings, maxLength: 24 } },
          ...{ threads: 1, dense: null, onnx: true },
        },
        silent,
      );
      const [first, second] = report.surgery!['contributions']!;
      expect(report.surgery!['droppedLayers']).toEqual([first! > second! ? 1 : 2]);
      const { config, family } = await loadCheckpoint(path(`${name}-out`));
      expect([family, config.num_hidden_layers]).toEqual([name, 1]);
      expect(report.parameters.encoder).toBe(report.parameters.before!.encoder / 2);
    },
  );
});

describe('the command line', () => {
  const root = path('cli');
  beforeAll(() => writeProject(root));

  it('prints what went, and refuses to drop every layer before anything is trained', async () => {
    const drop = ['compress', ...classify, '--recipe', 'drop-top', '--steps', '2', '--quiet', '--out'];
    const done = await espalier(root, ...drop, 'small', '--set', 'layers=1');
    expect(done.status).toBe(0);
    expect(done.stdout).toMatch(/^parameters before: [\d,]+: now \d/m);
    expect(done.stdout).toMatch(/^dropped layers: 2$/m);
    const refused = await espalier(root, ...drop, 'none', '--set', 'layers=2');
    expect(refused.status).toBe(2);
    expect(refused.stderr).toBe(
      'espalier: 2 of 2 layers cannot be dropped: expected at least 1 dropped and 1 kept; change the sparsity, or ' +
        'say how many with --set layers=K\n',
    );
    expect(existsSync(path('cli', 'none'))).toBe(false);
  });
});
