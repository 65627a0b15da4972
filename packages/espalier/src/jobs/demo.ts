// The main job on the built-in garden language, without any download: pre-trains a tiny BERT, prunes it there and on a
// task, each way under the same number of steps, and compares the results.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { splitCorpus, tokeniseCorpus } from '../data/corpus/index.js';
import { gardenConfig, gardenDocuments, gardenTask, gardenTokenizerFiles } from '../data/garden/garden.js';
import { loadTokenizer } from '../data/tokenizer.js';
import { Interrupted } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import { randomBert } from '../models/initialise.js';
import type { Model } from '../models/model.js';
import { builtinRecipe } from '../recipe/builtin.js';
import { atRate, type Recipe, setOption } from '../recipe/recipe.js';
import type { RunControl } from '../recipe/run.js';
import type { Report } from '../report/report.js';
import { compressLoaded, compressSchema } from './compress.js';
import { withLock } from './folder-lock.js';
import { finetuneLoaded, finetuneSchema } from './finetune.js';
import { type LoadedText, pretrainLoaded, pretrainSchema } from './pretrain.js';
import { checkDevice, computeSchema, parseOptions, tokenizeRun } from './task-run.js';

export const demoSchema = z.strictObject({
  ...computeSchema.shape,
  out: z.string().default('espalier-demo').describe('folder for the results; replaced if it is there'),
  steps: z
    .int()
    .positive()
    .default(400)
    .describe(
      'steps of pre-training, of pruning in it, and of each compression; the dense model has 2.25 times as many',
    ),
});

export interface DemoResult {
  readonly task: string;
  readonly out: string;
  readonly seconds: number;
  /** Dense pre-training, and pruning in pre-training. */
  readonly pretrained: Report;
  readonly pruned: Report;
  readonly dense: Report;
  readonly compressed: readonly { readonly name: string; readonly report: Report }[];
}

/** How many times `steps` the dense model trains: below 800 steps it may not catch on. */
const DENSE_TIMES = 2.25;

/**
 * What the demo compares: recipe, fraction of zeros, what it starts from, and how many times `steps` it trains. What
 * was pruned in pre-training has not seen the task yet, so it trains as long as the dense model did.
 */
const RUNS = [
  { recipe: 'magnitude', sparsity: 0.8, from: 'dense', times: 1 },
  { recipe: 'nip', sparsity: 0.8, from: 'dense', times: 1 },
  { recipe: 'rpp', sparsity: 0.8, from: 'dense', times: 1 },
  { recipe: 'prune-once-int8', sparsity: 0.8, from: 'pruned', times: 3 },
] as const;

/** Without dropout: 0.1 keeps so small a model at chance for long. */
const TRAINING = { batchSize: 32, lr: 1e-3, maxLength: 48, dropout: 0 } as const;

/** Documents of the garden language that are pre-trained on, and tokens of a sequence. */
const TEXT = { documents: 3000, maxLength: 48 } as const;

/** Runs the demo. It is short and cannot be resumed: an interrupted one says only that it stopped. */
export async function demo(input: z.input<typeof demoSchema>, control: RunControl): Promise<DemoResult> {
  const options = parseOptions(demoSchema, input, 'demo');
  return withLock(options.out, () => runDemo(options, control)).catch((cause: unknown) => {
    throw cause instanceof Interrupted ? new Interrupted(false) : cause;
  });
}

async function runDemo(options: z.output<typeof demoSchema>, control: RunControl): Promise<DemoResult> {
  const { seed, threads, device, out, steps } = options;
  await checkDevice(device, control);
  const started = performance.now();
  const data = gardenTask('sentiment', seed, { train: 8000, dev: 1000 });
  const model = randomBert(gardenConfig(), seed, gardenTokenizerFiles());
  const common = {
    task: data.task.name,
    data: 'garden',
    seed,
    threads,
    device,
    settings: { ...TRAINING, steps },
    overwrite: true,
  };
  const load = (from: Model): ReturnType<typeof tokenizeRun> =>
    tokenizeRun(
      from,
      data,
      { seed, maxLength: TRAINING.maxLength, limit: undefined, select: 'last' },
      control,
    );

  await rm(join(out, 'demo.json'), { force: true });
  const note = (message: string): void => control.onEvent({ type: 'note', message });
  note(`pre-training a tiny BERT on ${TEXT.documents} stories of the garden`);
  const [pretrainedOut, prunedOut, denseOut] = ['pretrained', 'pruned', 'dense'].map((name) =>
    join(out, name),
  ) as [string, string, string];
  const text = await gardenText(model, seed);
  const settings = { ...common.settings, maxLength: TEXT.maxLength };
  const pretrainTo = async (from: Model, init: string | undefined, target: string, recipe?: Recipe) =>
    pretrainLoaded(
      { model: from, text, init: init ?? null },
      parseOptions(
        pretrainSchema,
        { seed, threads, device, overwrite: true, corpus: ['garden'], settings, init, recipe, out: target },
        'demo',
      ),
      control,
    );
  const pretrained = await pretrainTo(model, undefined, pretrainedOut);
  const once = atRate(setOption(builtinRecipe('prune-once'), 'sparsity', 0.8), TRAINING.lr, 'pretrain');
  const pruned = await pretrainTo(await loadCheckpoint(pretrainedOut), pretrainedOut, prunedOut, once);

  note(`fine-tuning it on ${data.train.length} sentences`);
  const denseOptions = parseOptions(
    finetuneSchema,
    {
      ...common,
      settings: { ...TRAINING, steps: Math.round(DENSE_TIMES * steps) },
      model: pretrainedOut,
      out: denseOut,
    },
    'demo',
  );
  const dense = await finetuneLoaded(load(await loadCheckpoint(pretrainedOut)), denseOptions, control);

  const compressed: { name: string; report: Report }[] = [];
  for (const { recipe, sparsity, from, times } of RUNS) {
    const name = `${recipe}-${Math.round(100 * sparsity)}`;
    const source = from === 'dense' ? denseOut : prunedOut;
    const chosen = setOption(builtinRecipe(recipe), 'sparsity', sparsity);
    const runOptions = parseOptions(
      compressSchema,
      {
        ...common,
        settings: { ...TRAINING, steps: times * steps },
        model: source,
        dense: denseOut,
        gate: 0, // it shows what packing costs, whatever that is
        out: join(out, name),
        recipe: atRate(chosen, TRAINING.lr, 'finetune'),
      },
      'demo',
    );
    compressed.push({
      name,
      report: await compressLoaded(load(await loadCheckpoint(source)), runOptions, control),
    });
  }
  const seconds = (performance.now() - started) / 1000;
  const result = { task: data.task.name, out, seconds, pretrained, pruned, dense, compressed };
  await writeFileAtomic(join(out, 'demo.json'), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

/** Stories of the garden as a corpus, the last of them held out. */
async function gardenText(model: Model, seed: number): Promise<LoadedText> {
  const tokenizer = loadTokenizer(model.tokenizerFiles, 'garden');
  const corpus = await tokeniseCorpus(gardenDocuments(seed, TEXT.documents), tokenizer);
  return { ...splitCorpus(corpus, 0.05), data: { files: [], sha256: [], rows: [] } };
}
