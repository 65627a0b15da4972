// Pre-training on plain text: masked words and the next sentence, from scratch or continued, with or without a
// recipe that prunes.
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import {
  cachedCorpus,
  type Corpus,
  corpusFiles,
  type MaskingOptions,
  splitCorpus,
} from '../data/corpus/index.js';
import { loadTokenizer, type Tokenizer } from '../data/tokenizer.js';
import { EspalierError, UsageError } from '../errors.js';
import { fileHash } from '../io/file-hash.js';
import { ioError } from '../io/io-error.js';
import { readJson } from '../io/json.js';
import { loadCheckpoint } from '../models/checkpoint.js';
import { familyOf, longestInput, padSideOf } from '../models/families.js';
import { randomBert, withPretrainHeads } from '../models/initialise.js';
import type { Model } from '../models/model.js';
import { withDropout } from '../models/task-model.js';
import { readTokenizerFiles } from '../models/tokenizer-files.js';
import { DENSE } from '../recipe/builtin.js';
import { pretrainWorkload } from '../recipe/pretrain-workload.js';
import { atRate, parseRecipe, recipeSchema, targetSparsity } from '../recipe/recipe.js';
import { type RunControl, runRecipe } from '../recipe/run.js';
import type { Report } from '../report/report.js';
import { drawEpoch, type PretrainData } from '../train/pretrain-objective.js';
import type { TrainingSettings } from '../train/settings.js';
import { withLock } from './folder-lock.js';
import { checkOutput, keepInputs } from './output.js';
import { checkDevice, computeSchema, parseOptions, parseSettings, trainingSchema } from './task-run.js';
import { withTokenizerJson } from './tokenizer-json.js';
import { type RunInput, startRun, writeRun } from './training-run.js';

export const textSchema = z.strictObject({
  masking: z
    .enum(['exact', 'bernoulli'])
    .default('exact')
    .describe("Google's exact count per sequence, or each token by chance as in Hugging Face's collator"),
  maskProbability: z.number().gt(0).lt(1).default(0.15).describe('part of the tokens that is masked'),
  wholeWord: z.boolean().default(false).describe('mask all pieces of a word together'),
  nextSentence: z.boolean().default(true).describe('draw pairs of segments and learn whether they follow'),
  documents: z
    .enum(['file', 'blank-line', 'line'])
    .default('file')
    .describe('what ends a document: a file, a blank line, or every line'),
  heldFraction: z.number().gt(0).lt(1).default(0.02).describe('part of the text kept for scoring'),
  heldSequences: z.int().positive().default(1024).describe('held-out sequences that are scored, at most'),
});

export const pretrainSchema = z.strictObject({
  ...computeSchema.shape,
  ...trainingSchema.omit({ limit: true, select: true }).shape,
  ...textSchema.shape,
  corpus: z.array(z.string()).min(1).describe('text files, folders of .txt files, or globs'),
  config: z.string().optional().describe('config.json, or a folder that has one: from scratch'),
  init: z.string().optional().describe('model to go on from'),
  tokenizer: z.string().optional().describe('folder of the tokenizer; default that of init or config'),
  recipe: recipeSchema.optional().describe('recipe data; without it, dense'),
  teacher: z.string().optional().describe('dense pre-trained model to distil from; default init'),
  out: z.string().describe('output directory'),
});

export type PretrainOptions = z.input<typeof pretrainSchema>;

/** Peak rate of the BERT paper, warm-up of Prune Once for All's script (B.2). */
const PRETRAIN_DEFAULTS = { lr: 1e-4, warmup: 0.01 } as const;

/** Pre-trains a model on text, from files. Progress goes to `control`. */
export async function pretrain(input: PretrainOptions, control: RunControl): Promise<Report> {
  const options = parseOptions(pretrainSchema, input, 'pretrain');
  const parsed = options.recipe ? parseRecipe(options.recipe, options.recipe.name) : DENSE;
  const recipe = atRate(parsed, options.settings['lr'], 'pretrain');
  const partial = { ...PRETRAIN_DEFAULTS, ...recipe.training, ...options.settings };
  const settings = parseSettings(partial);
  await checkDevice(options.device, control);
  await checkOutput(options);
  const { init, config, tokenizer: vocabulary, teacher: named } = options;
  await keepInputs(options, [
    ['--init', init],
    ['--config', config],
    ['--tokenizer', vocabulary],
    ['--teacher', named],
  ]);
  const { model, tokenizer } = await startingModel(options);
  checkLength(settings, model);
  const teacher = options.teacher === undefined ? undefined : await pretrained(options.teacher, model);
  const text = await readCorpus(options, tokenizer, control);
  return pretrainLoaded(
    { model, text, teacher, init: options.init ?? null },
    { ...options, recipe, settings: partial },
    control,
  );
}

export interface LoadedText {
  readonly train: Corpus;
  readonly held: Corpus;
  readonly data: Report['data'];
}

/** Pre-trains on text that is already in memory. */
export const pretrainLoaded: typeof pretrainHeld = (loaded, options, control) =>
  withLock(options.out, () => pretrainHeld(loaded, options, control));

async function pretrainHeld(
  {
    model,
    text,
    teacher,
    init,
  }: {
    readonly model: Model;
    readonly text: LoadedText;
    readonly teacher?: Model | undefined;
    /** Where the model came from, when it had been trained before. */
    readonly init: string | null;
  },
  options: Omit<z.output<typeof pretrainSchema>, 'corpus'>,
  control: RunControl,
): Promise<Report> {
  const { seed, nextSentence, heldSequences } = options;
  const recipe = options.recipe ?? DENSE;
  const settings = parseSettings(options.settings);
  const masking: MaskingOptions = {
    style: options.masking,
    probability: options.maskProbability,
    wholeWord: options.wholeWord,
  };
  const padSide = padSideOf(model.config);
  const data: PretrainData = { corpus: text.train, masking, nextSentence, seed, padSide };
  const base = withDropout(withPretrainHeads(model, nextSentence, seed), settings.dropout);
  const first = drawEpoch(data, settings.maxLength, 0);
  if (first.count < settings.batchSize) {
    throw new EspalierError(
      `the corpus gives ${first.count} sequences of ${settings.maxLength} tokens: expected at least one batch of ` +
        `${settings.batchSize}; give more text or a smaller --batch-size`,
    );
  }
  control.onEvent({
    type: 'note',
    message:
      `corpus: ${text.train.ids.length.toLocaleString('en')} tokens, ${first.count.toLocaleString('en')} sequences an epoch` +
      (nextSentence ? `, ${(100 * first.randomFraction).toFixed(1)} % of the pairs random` : ''),
  });
  const input: RunInput = {
    workload: pretrainWorkload({ data, held: text.held, heldSequences, settings }),
    base,
    subject: { task: 'pretrain', model: init ?? 'random', data: text.data, trainRows: first.count },
    identity: {
      masking,
      nextSentence,
      heldSequences,
      heldFraction: options.heldFraction,
      documents: options.documents,
    },
  };
  const runOptions = { ...options, select: 'last', onnx: false } as const;
  const run = await startRun(input, runOptions, recipe, control, { '--teacher': teacher });
  if (run.finished) return run.finished;
  const dense =
    init !== null && recipe !== DENSE ? { model: base, scores: await run.score(base) } : undefined;
  const result = await runRecipe(base, recipe, { ...run.stages, teacher: teacher ?? base });
  return writeRun(run, result, runOptions, dense, targetSparsity(recipe, base.config.num_hidden_layers), {
    dense: densePath(options, recipe !== DENSE),
  });
}

/** The dense model that a pruned one came from, for later stages to distil from and compare with. */
function densePath(
  { init, teacher }: { readonly init?: string | undefined; readonly teacher?: string | undefined },
  pruned: boolean,
): string | undefined {
  const source = teacher ?? init;
  return pruned && source !== undefined ? resolve(source) : undefined;
}

async function startingModel(
  options: z.output<typeof pretrainSchema>,
): Promise<{ model: Model; tokenizer: Tokenizer }> {
  const { init, config, tokenizer: folder, seed, nextSentence } = options;
  if ((init === undefined) === (config === undefined)) {
    throw new UsageError('pretrain starts from --init DIR or from --config FILE: give one of them');
  }
  const source = init === undefined ? await fromConfig(config!, seed) : await loadCheckpoint(init);
  if (nextSentence && !familyOf(source.config).tensors(source.config).has('nsp')) {
    throw new UsageError(`${source.family} has no head for the next sentence; give --no-next-sentence`);
  }
  const files = folder === undefined ? source.tokenizerFiles : await readTokenizerFiles(folder);
  const model = { ...source, tokenizerFiles: files };
  const tokenizer = loadTokenizer(files, folder ?? source.source);
  const rows = model.config.vocab_size;
  if (tokenizer.vocabSize > rows) {
    throw new EspalierError(
      `${folder ?? source.source}: the tokenizer has ${tokenizer.vocabSize} pieces, the config ${rows} rows; ` +
        'give the tokenizer of this model, or raise vocab_size',
    );
  }
  return { model: withTokenizerJson(model, tokenizer), tokenizer };
}

/** A new model from config.json or its folder, with the tokenizer files beside it, if any. */
async function fromConfig(path: string, seed: number): Promise<Model> {
  const found = await stat(path).catch((cause: unknown) => {
    throw ioError(cause, 'reading', path);
  });
  const [folder, file] = found.isDirectory()
    ? [path, join(path, 'config.json')]
    : [dirname(path), join(dirname(path), basename(path))];
  const files = await readTokenizerFiles(folder);
  return randomBert(await readJson(file), seed, files);
}

function checkLength({ maxLength }: TrainingSettings, { config }: Model): void {
  if (maxLength <= longestInput(config)) return;
  throw new UsageError(`--max-length ${maxLength} is beyond the model's ${longestInput(config)} positions`);
}

/** A teacher of pre-training: it must have the head of masked words and the same vocabulary. */
async function pretrained(source: string, model: Model): Promise<Model> {
  const teacher = await loadCheckpoint(source);
  if (!teacher.tensors.has(familyOf(teacher.config).words.bias)) {
    throw new UsageError(
      `--teacher ${source} has no head of masked words: expected a model of "espalier pretrain"`,
    );
  }
  const [found, expected] = [teacher.config.vocab_size, model.config.vocab_size];
  if (found !== expected) {
    throw new UsageError(
      `--teacher ${source} has another vocabulary: expected ${expected} pieces, found ${found}`,
    );
  }
  return teacher;
}

/** Tokens between two lines of progress. */
const PROGRESS_TOKENS = 2_000_000;

async function readCorpus(
  options: z.output<typeof pretrainSchema>,
  tokenizer: Tokenizer,
  control: RunControl,
): Promise<LoadedText> {
  const files = await corpusFiles(options.corpus);
  const note = (message: string): void => control.onEvent({ type: 'note', message });
  let told = 0;
  const corpus = await cachedCorpus({
    files,
    tokenizer,
    documents: options.documents,
    note,
    onProgress(tokens) {
      if (tokens - told < PROGRESS_TOKENS) return;
      told = tokens;
      note(`tokenised ${tokens.toLocaleString('en')} tokens`);
    },
  });
  const { train, held } = splitCorpus(corpus, options.heldFraction);
  const sha256 = await Promise.all(files.map(fileHash));
  return { train, held, data: { files, sha256, rows: files.map(() => 1) } };
}
