// Vocabulary pruning as a job does it: between reading a task and training on it. The pieces of train and dev stay, and those of
// a corpus where one is named; the task is tokenised again by what is left, and every piece of it must be the one it was.
import { corpusFiles, usedPieces } from '../data/corpus/index.js';
import type { Example, TaskData } from '../data/example.js';
import { loadTokenizer, type Tokenizer } from '../data/tokenizer.js';
import { readDefinition } from '../data/tokenizer-definition.js';
import { EspalierError } from '../errors.js';
import { familyOf } from '../models/families.js';
import { type KeptPieces, keptPieces } from '../models/kept-pieces.js';
import type { Model } from '../models/model.js';
import { cutVocabulary } from '../models/vocabulary.js';
import { vocabulary, type VocabularyOptions } from '../methods/vocabulary.js';
import type { Recipe } from '../recipe/recipe.js';
import type { RunControl } from '../recipe/run.js';
import type { VocabularyReport } from '../report/report.js';
import type { LoadedRun } from './task-run.js';

/** What was cut, for further models of the same vocabulary, and for the report. */
export interface VocabularyCut {
  readonly kept: KeptPieces;
  readonly report: VocabularyReport;
}

/** What a recipe's vocabulary pruning is asked to keep. */
export function vocabularyOptions({ stages }: Recipe): VocabularyOptions {
  const method = stages.flatMap(({ methods }) => methods).find(({ name }) => name === vocabulary.name)!;
  const options = Object.entries(method).filter(([key]) => key !== 'name');
  return vocabulary.options.parse(Object.fromEntries(options));
}

/** Pieces that a corpus uses often enough, and what the report says of it. */
async function corpusPieces(
  { corpus, minFrequency }: VocabularyOptions,
  tokenizer: Tokenizer,
  control: RunControl,
): Promise<{ ids: readonly number[]; report: VocabularyReport['corpus'] }> {
  if (corpus === undefined) return { ids: [], report: undefined };
  const files = await corpusFiles([corpus].flat());
  control.onEvent({ type: 'note', message: `vocabulary: reading ${files.length} files of text` });
  const { counts, tokens } = await usedPieces(files, tokenizer);
  const ids = [...counts.keys()].filter((id) => counts[id]! >= minFrequency);
  return { ids, report: { files: files.length, tokens, pieces: ids.length, minFrequency } };
}

/**
 * The run over the pieces that its train and dev text uses, of any length, and a corpus. `again` tokenises the same data for
 * another model. Throws EspalierError where a text of the run would become other pieces.
 */
export async function cutRun(
  loaded: LoadedRun,
  { train, dev }: Pick<TaskData, 'train' | 'dev'>,
  again: (model: Model) => LoadedRun,
  options: VocabularyOptions,
  control: RunControl,
): Promise<LoadedRun> {
  const { model } = loaded;
  const tokenizer = loadTokenizer(model.tokenizerFiles, model.source);
  const corpus = await corpusPieces(options, tokenizer, control);
  const used = new Set(corpus.ids);
  const splits = ['train', 'held', 'dev'] as const;
  for (const split of splits) for (const { ids } of loaded[split]) for (const id of ids) used.add(id);
  for (const { text, pair } of [...train, ...dev])
    for (const part of [text, pair ?? '']) for (const id of tokenizer.encodeToIds(part)) used.add(id);

  const { definition } = readDefinition(model.tokenizerFiles, model.source);
  const kept = keptPieces(definition, used, model.source);
  const after = again(cutVocabulary(model, kept));
  for (const split of splits) checkPieces(split, loaded[split], after[split], kept);
  const report: VocabularyReport = {
    pieces: { before: model.config.vocab_size, after: kept.ids.length },
    bytes: { before: tableBytes(model), after: tableBytes(after.model) },
    devTokens: after.dev.reduce((sum, { ids }) => sum + ids.length, 0),
    unchanged: 1, // or it would have been refused
    ...(corpus.report && { corpus: corpus.report }),
  };
  const { before, after: left } = report.pieces;
  control.onEvent({
    type: 'note',
    message: `vocabulary: ${left} of ${before} pieces stay; every text of train and dev is read as before`,
  });
  return { ...after, vocabulary: { kept, report } };
}

/** Another model of the vocabulary that was cut, cut alike; one that is of another size is left to be refused. */
export const cutAlike = (model: Model, cut: VocabularyCut | undefined): Model =>
  cut && model.config.vocab_size === cut.report.pieces.before ? cutVocabulary(model, cut.kept) : model;

function checkPieces(
  split: string,
  before: readonly Example[],
  after: readonly Example[],
  { ids: kept }: KeptPieces,
): void {
  for (const [row, { ids }] of after.entries()) {
    const expected = before[row]!.ids;
    if (ids.length === expected.length && ids.every((id, i) => kept[id] === expected[i])) continue;
    throw new EspalierError(
      `vocabulary: example ${row + 1} of ${split} would be read as other pieces without those that no text uses; ` +
        'leave the vocabulary of this model whole',
    );
  }
}

/** Bytes of the word embeddings in float32. */
const tableBytes = ({ config, tensors }: Model): number =>
  tensors.get(familyOf(config).words.decoder)!.data.byteLength;
