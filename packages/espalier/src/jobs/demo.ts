// The main job on the built-in garden language, without any download: trains a tiny BERT, compresses it in several
// ways under the same number of steps, and compares the results.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { gardenConfig, gardenTask, gardenTokenizerFiles } from '../data/garden/garden.js';
import { Interrupted } from '../errors.js';
import { writeFileAtomic } from '../io/atomic.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import { randomBert } from '../models/initialise.js';
import { builtinRecipe } from '../recipe/builtin.js';
import { setOption } from '../recipe/recipe.js';
import type { RunControl } from '../recipe/run.js';
import type { Report } from '../report/report.js';
import { compressLoaded, compressSchema } from './compress.js';
import { finetuneLoaded, finetuneSchema } from './finetune.js';
import { checkDevice, computeSchema, parseOptions, tokenizeRun } from './task-run.js';

export const demoSchema = z.strictObject({
  ...computeSchema.shape,
  out: z.string().default('espalier-demo').describe('folder for the results; replaced if it is there'),
  steps: z
    .int()
    .positive()
    .default(500)
    .describe('steps of each compression; the dense model, from scratch, has twice as many'),
});

export interface DemoResult {
  readonly task: string;
  readonly out: string;
  readonly seconds: number;
  readonly dense: Report;
  readonly compressed: readonly { readonly name: string; readonly report: Report }[];
}

/** What the demo compares: recipe and fraction of zeros. */
const RUNS = [
  { recipe: 'magnitude', sparsity: 0.8 },
  { recipe: 'nip', sparsity: 0.8 },
  { recipe: 'rpp', sparsity: 0.8 },
  { recipe: 'rpp', sparsity: 0.9 },
] as const;

/** Without dropout: from scratch on a few thousand sentences, 0.1 keeps so small a model at chance for 1,000 steps. */
const TRAINING = { batchSize: 32, lr: 1e-3, maxLength: 48, dropout: 0 } as const;

/** Runs the demo. It is short and cannot be resumed: an interrupted one says only that it stopped. */
export async function demo(input: z.input<typeof demoSchema>, control: RunControl): Promise<DemoResult> {
  return runDemo(input, control).catch((cause: unknown) => {
    throw cause instanceof Interrupted ? new Interrupted(false) : cause;
  });
}

async function runDemo(input: z.input<typeof demoSchema>, control: RunControl): Promise<DemoResult> {
  const options = parseOptions(demoSchema, input, 'demo');
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
  const load = (from: typeof model): ReturnType<typeof tokenizeRun> =>
    tokenizeRun(
      from,
      data,
      { seed, maxLength: TRAINING.maxLength, limit: undefined, select: 'last' },
      control,
    );

  await rm(join(out, 'demo.json'), { force: true });
  const denseOut = join(out, 'dense');
  control.onEvent({
    type: 'note',
    message: `training a tiny BERT from scratch on ${data.train.length} examples`,
  });
  const denseOptions = parseOptions(
    finetuneSchema,
    { ...common, settings: { ...TRAINING, steps: 2 * steps }, model: 'random', out: denseOut },
    'demo',
  );
  const dense = await finetuneLoaded(load(model), denseOptions, control);

  const trained = await loadCheckpoint(denseOut);
  const compressed: { name: string; report: Report }[] = [];
  for (const { recipe, sparsity } of RUNS) {
    const name = `${recipe}-${Math.round(100 * sparsity)}`;
    const runOptions = parseOptions(
      compressSchema,
      {
        ...common,
        model: denseOut,
        out: join(out, name),
        recipe: setOption(builtinRecipe(recipe), 'sparsity', sparsity),
      },
      'demo',
    );
    compressed.push({ name, report: await compressLoaded(load(trained), runOptions, control) });
  }
  const seconds = (performance.now() - started) / 1000;
  const result = { task: data.task.name, out, seconds, dense, compressed };
  await writeFileAtomic(join(out, 'demo.json'), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}
