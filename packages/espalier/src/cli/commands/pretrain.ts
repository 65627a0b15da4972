// espalier pretrain: masked words and the next sentence from plain text, with or without a recipe.
import { type Command, Option } from 'commander';
import { defined } from '../../defined.js';
import {
  addCommon,
  addTraining,
  type ComputeFlags,
  computeOptions,
  fraction,
  integer,
  parsePairs,
  type TrainingFlags,
  trainingOptions,
} from '../options.js';
import { printReport } from '../print.js';
import { type OutputFlags, runJob } from '../run-job.js';

interface Flags extends TrainingFlags, ComputeFlags, OutputFlags {
  readonly corpus: string[];
  readonly config?: string;
  readonly init?: string;
  readonly tokenizer?: string;
  readonly recipe?: string;
  readonly sparsity?: number;
  readonly teacher?: string;
  readonly masking: string;
  readonly maskProbability?: number;
  readonly wholeWord?: true;
  readonly nextSentence: boolean;
  readonly documents: string;
  readonly heldFraction?: number;
  readonly heldSequences?: number;
  readonly out: string;
}

export function pretrainCommand(program: Command): void {
  const command = program
    .command('pretrain')
    .description('pre-train a model on plain text, from scratch or continued, with or without pruning')
    .requiredOption('--corpus <path...>', 'text files, folders of .txt files, or globs')
    .requiredOption('--out <dir>', 'output directory')
    .option('--config <path>', 'config.json, or its folder: from scratch')
    .option('--init <dir>', 'model to go on from: a directory in Hugging Face layout, or a Hub id')
    .option('--tokenizer <dir>', 'folder of the tokenizer (default: that of --init or --config)')
    .option('--recipe <name|file>', 'a name (see "espalier methods") or a YAML or JSON file; default dense')
    .option(
      '--sparsity <s>',
      'fraction of zeros; of layers for drop-*, of heads and neurons for structured',
      fraction,
    )
    .option('--teacher <dir>', 'dense pre-trained model to distil from (default: --init)')
    .addOption(
      new Option('--masking <style>', "exact: Google's count per sequence; bernoulli: each token by chance")
        .choices(['exact', 'bernoulli'])
        .default('exact'),
    )
    .option('--mask-probability <p>', 'part of the tokens that is masked (default 0.15)', fraction)
    .option('--whole-word', 'mask all pieces of a word together')
    .option('--no-next-sentence', 'single segments, masked words only')
    .addOption(
      new Option('--documents <end>', 'what ends a document')
        .choices(['file', 'blank-line', 'line'])
        .default('file'),
    )
    .option('--held-fraction <f>', 'part of the text kept for scoring (default 0.02)', fraction)
    .option('--held-sequences <n>', 'held-out sequences that are scored, at most (default 1024)', integer);
  addCommon(addTraining(command, 'pretrain')).action(async (flags: Flags) => {
    const { recipe, rest } =
      flags.recipe === undefined
        ? { recipe: undefined, rest: parsePairs(flags.set) }
        : await (await import('../recipe-flags.js')).recipeOf(flags.recipe, flags);
    const options = defined({
      ...computeOptions(flags),
      ...trainingOptions(flags, rest),
      corpus: flags.corpus,
      config: flags.config,
      init: flags.init,
      tokenizer: flags.tokenizer,
      recipe,
      teacher: flags.teacher,
      masking: flags.masking,
      maskProbability: flags.maskProbability,
      wholeWord: flags.wholeWord ?? false,
      nextSentence: flags.nextSentence,
      documents: flags.documents,
      heldFraction: flags.heldFraction,
      heldSequences: flags.heldSequences,
      out: flags.out,
    });
    printReport(await runJob('pretrain', options, flags), flags.out, flags);
  });
}
